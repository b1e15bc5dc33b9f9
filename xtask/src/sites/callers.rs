//! Who asks for a capability, from machine code: the functions that call one of the helpers of the
//! capability checks.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use caps::Capability;
use iced_x86::{
    Code, Decoder, DecoderOptions, FlowControl, Instruction, InstructionInfoFactory, OpAccess,
    OpKind, Register,
};

/// A stretch of machine code and who is in it.
pub struct Text {
    /// Where it begins.
    pub address: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Where a function begins, and its name as the compiler has it.
    pub functions: BTreeMap<u64, String>,
    /// Where bytes are to be filled in by the loader: what they will refer to.
    pub references: HashMap<u64, String>,
}

/// A function that asks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Caller {
    /// Its name in the source ([`judge::normalise`]).
    pub function: String,
    /// For what; empty where the code does not say.
    pub capabilities: BTreeSet<Capability>,
    /// The helper it asks with.
    pub helper: String,
}

/// A call or a jump from one function to another.
#[derive(Debug, Clone)]
struct Edge {
    from: String,
    to: String,
    /// The last thing the function does: its frame is gone when the other runs.
    is_tail: bool,
    /// What the registers of the first four arguments held, where that is a constant.
    arguments: [Option<u64>; 4],
}

/// Where a helper takes the capability: the argument's number. The others ask for what is written in
/// them. Source: `include/linux/capability.h`, `include/linux/netlink.h`, `include/net/sock.h`,
/// `include/linux/security.h`, `include/linux/bpf_token.h`.
const ARGUMENT: &[(&str, usize)] = &[
    ("cap_capable", 2),
    ("security_capable", 2),
    ("capable", 0),
    ("ns_capable", 1),
    ("ns_capable_common", 1),
    ("ns_capable_noaudit", 1),
    ("ns_capable_setid", 1),
    ("file_ns_capable", 2),
    ("has_capability", 1),
    ("has_capability_noaudit", 1),
    ("has_ns_capability", 2),
    ("has_ns_capability_noaudit", 2),
    ("sockopt_capable", 0),
    ("sockopt_ns_capable", 1),
    ("sk_ns_capable", 2),
    ("sk_capable", 1),
    ("sk_net_capable", 1),
    ("netlink_ns_capable", 2),
    ("__netlink_ns_capable", 2),
    ("netlink_capable", 1),
    ("netlink_net_capable", 1),
    ("bpf_token_capable", 1),
    ("capable_wrt_inode_uidgid", 2),
];
/// `capable_wrt_inode_uidgid` had no user namespace before it before 5.12.
const SHIFTED: &str = "capable_wrt_inode_uidgid";

/// What is asked at the root of everything.
const ROOTS: &[&str] = &["cap_capable", "security_capable"];

/// Who asks within one kernel, its modules included.
#[derive(Default)]
pub struct Survey {
    /// By the name of who is called.
    edges: BTreeMap<String, Vec<Edge>>,
    /// Functions that modules can call and whose frame may be gone when a helper runs.
    passing: BTreeSet<String>,
}

impl Survey {
    /// Notes every call of this code to a helper, or to a function that jumps to one at its end: to
    /// be called for the kernel first, then for its modules.
    pub fn add(&mut self, text: &Text, is_helper: impl Fn(&str) -> bool) {
        let index = text.calls();
        let matters =
            |name: &str| is_helper(&judge::normalise(name)) || self.passing.contains(name);
        let mut wanted: Vec<&str> = index.keys().copied().filter(|name| matters(name)).collect();
        let mut seen: BTreeSet<&str> = wanted.iter().copied().collect();
        while let Some(name) = wanted.pop() {
            for start in &index[name] {
                for edge in text.edges(*start, name) {
                    let from = text.functions.get(start).map(String::as_str);
                    if let Some(from) = from.filter(|_| edge.is_tail) {
                        self.passing.insert(from.to_owned());
                        if index.contains_key(from) && seen.insert(from) {
                            wanted.push(from);
                        }
                    }
                    self.edges.entry(judge::normalise(name)).or_default().push(edge);
                }
            }
        }
    }

    /// The callers, in order.
    pub fn callers(&self, is_helper: impl Fn(&str) -> bool) -> Vec<Caller> {
        let helpers = self.helpers(&is_helper);
        let mut found: BTreeSet<Caller> = BTreeSet::new();
        for helper in &helpers {
            for edge in self.to(helper) {
                if helpers.contains(&edge.from) {
                    continue;
                }
                let asked = self.asked(edge, &helpers, &mut BTreeSet::new());
                self.seen_from(edge, &asked, helper, &mut BTreeSet::new(), &mut found);
            }
        }
        found.into_iter().collect()
    }

    /// Who is seen on the stack: who calls, or, of one whose frame is gone, who called that one. One
    /// that nobody calls directly stands for itself: it is called through a pointer.
    fn seen_from(
        &self,
        edge: &Edge,
        asked: &BTreeSet<Capability>,
        helper: &str,
        passed: &mut BTreeSet<String>,
        found: &mut BTreeSet<Caller>,
    ) {
        let callers: Vec<&Edge> = self.to(&edge.from).filter(|e| e.from != edge.from).collect();
        if !edge.is_tail || callers.is_empty() || !passed.insert(edge.from.clone()) {
            found.insert(Caller {
                function: edge.from.clone(),
                capabilities: asked.clone(),
                helper: helper.to_owned(),
            });
            return;
        }
        for caller in callers {
            self.seen_from(caller, asked, helper, passed, found);
        }
    }

    /// The names that are helpers by the table and do lead to a check here.
    fn helpers(&self, is_helper: impl Fn(&str) -> bool) -> BTreeSet<String> {
        let mut helpers: BTreeSet<String> = ROOTS.iter().map(|root| (*root).to_owned()).collect();
        loop {
            let more: BTreeSet<String> = helpers
                .iter()
                .flat_map(|helper| self.to(helper))
                .map(|edge| edge.from.clone())
                .filter(|from| is_helper(from) && !helpers.contains(from))
                .collect();
            if more.is_empty() {
                return helpers;
            }
            helpers.extend(more);
        }
    }

    /// What is asked for at a call of a helper.
    fn asked(
        &self,
        edge: &Edge,
        helpers: &BTreeSet<String>,
        passed: &mut BTreeSet<String>,
    ) -> BTreeSet<Capability> {
        let capability = |place: usize| {
            let number = u8::try_from((*edge.arguments.get(place)?)?).ok()?;
            Capability::from_number(number)
        };
        if let Some((name, place)) = ARGUMENT.iter().find(|(name, _)| *name == edge.to) {
            let shifted = (*name == SHIFTED).then(|| capability(place - 1)).flatten();
            return capability(*place).or(shifted).into_iter().collect();
        }
        if !passed.insert(edge.to.clone()) {
            return BTreeSet::new();
        }
        let within = helpers.iter().flat_map(|h| self.to(h)).filter(|e| e.from == edge.to);
        within.flat_map(|inner| self.asked(inner, helpers, passed)).collect()
    }

    fn to(&self, name: &str) -> impl Iterator<Item = &Edge> {
        self.edges.get(name).into_iter().flatten()
    }
}

impl Text {
    /// By the name of who is called: where the functions begin that may call it, as far as bytes tell.
    fn calls(&self) -> BTreeMap<&str, BTreeSet<u64>> {
        const REL32: usize = 4;
        let mut found: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
        let mut note = |place: u64, name| {
            if let Some(start) = self.function_at(place) {
                found.entry(name).or_default().insert(start);
            }
        };
        let starts: HashMap<u64, &str> =
            self.functions.iter().map(|(at, name)| (*at, name.as_str())).collect();
        for (at, window) in self.bytes.windows(1 + REL32).enumerate() {
            // call, jmp and the second byte of a conditional jump.
            if !matches!(window[0], 0xe8 | 0xe9 | 0x80..=0x8f) {
                continue;
            }
            let Ok(offset) = window[1..].try_into().map(i32::from_le_bytes) else { continue };
            let next = self.address + (at + window.len()) as u64;
            if let Some(name) = starts.get(&next.wrapping_add_signed(i64::from(offset))) {
                note(self.address + at as u64, *name);
            }
        }
        for (place, name) in &self.references {
            note(*place, name.as_str());
        }
        found
    }

    fn function_at(&self, address: u64) -> Option<u64> {
        self.functions.range(..=address).next_back().map(|(start, _)| *start)
    }

    /// The calls of the function that begins there to the one of this name.
    fn edges(&self, start: u64, name: &str) -> Vec<Edge> {
        let Some(from) = self.functions.get(&start) else { return Vec::new() };
        let end = self.functions.range(start + 1..).next().map(|(at, _)| *at);
        let last = self.address + self.bytes.len() as u64;
        let bytes = &self.bytes[(start - self.address) as usize..]
            [..(end.unwrap_or(last).min(last) - start) as usize];
        let instructions: Vec<Instruction> =
            Decoder::with_ip(64, bytes, start, DecoderOptions::NONE).into_iter().collect();
        // Who jumps there may have other things in its registers.
        let joined: BTreeSet<u64> = instructions
            .iter()
            .filter(|i| is_branch(i) && i.op0_kind() == OpKind::NearBranch64)
            .map(Instruction::near_branch_target)
            .collect();
        let mut registers = Registers::default();
        let mut edges = Vec::new();
        let mut info = InstructionInfoFactory::new();
        for instruction in &instructions {
            if joined.contains(&instruction.ip()) {
                registers = Registers::default();
            }
            let is_call = instruction.flow_control() == FlowControl::Call;
            if (is_call || is_branch(instruction)) && self.target(instruction) == Some(name) {
                edges.push(Edge {
                    from: judge::normalise(from),
                    to: judge::normalise(name),
                    is_tail: !is_call,
                    arguments: registers.0,
                });
            }
            registers.after(instruction, &mut info);
        }
        edges
    }

    /// Whom a call or a jump goes to, by name.
    fn target(&self, instruction: &Instruction) -> Option<&str> {
        if instruction.op0_kind() != OpKind::NearBranch64 {
            return None;
        }
        // The offset is the last thing in the instruction.
        match self.references.get(&(instruction.next_ip() - 4)) {
            Some(name) => Some(name),
            None => self.functions.get(&instruction.near_branch_target()).map(String::as_str),
        }
    }
}

fn is_branch(instruction: &Instruction) -> bool {
    matches!(
        instruction.flow_control(),
        FlowControl::UnconditionalBranch | FlowControl::ConditionalBranch
    )
}

/// The constants in the registers of the first four arguments (System V ABI, AMD64: rdi, rsi, rdx, rcx).
#[derive(Default)]
struct Registers([Option<u64>; 4]);

const PLACES: [Register; 4] = [Register::RDI, Register::RSI, Register::RDX, Register::RCX];

impl Registers {
    /// What is known after it: what is not understood is not known.
    fn after(&mut self, instruction: &Instruction, info: &mut InstructionInfoFactory) {
        if instruction.flow_control() == FlowControl::Call {
            self.0 = [None; 4];
            return;
        }
        for used in info.info(instruction).used_registers() {
            let place = PLACES.iter().position(|one| *one == used.register().full_register());
            let reads = matches!(used.access(), OpAccess::Read | OpAccess::CondRead);
            if let Some(place) = place.filter(|_| !reads) {
                self.0[place] = constant(instruction);
            }
        }
    }
}

/// What is written to its first operand, where the instruction says it.
fn constant(instruction: &Instruction) -> Option<u64> {
    match instruction.code() {
        Code::Mov_r32_imm32 | Code::Mov_rm32_imm32 | Code::Mov_rm64_imm32 => {
            Some(instruction.immediate(1))
        }
        Code::Xor_r32_rm32 | Code::Xor_rm32_r32
            if instruction.op1_kind() == OpKind::Register
                && instruction.op1_register() == instruction.op0_register() =>
        {
            Some(0)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Functions of sixteen bytes each, one after the other, the rest of each filled with `int3`.
    fn text(functions: &[(&str, &[u8])]) -> Text {
        let mut text = Text {
            address: 0x1000,
            bytes: Vec::new(),
            functions: BTreeMap::new(),
            references: HashMap::new(),
        };
        for (name, code) in functions {
            text.functions.insert(0x1000 + text.bytes.len() as u64, (*name).to_owned());
            text.bytes.extend_from_slice(code);
            text.bytes.resize(text.bytes.len().next_multiple_of(16), 0xcc);
        }
        text
    }

    fn asked(functions: &[(&str, &[u8])]) -> Vec<(String, Vec<Capability>, String)> {
        let table = judge::SiteTable::builtin();
        let mut survey = Survey::default();
        survey.add(&text(functions), |name| table.is_helper(name));
        let callers = survey.callers(|name| table.is_helper(name));
        callers
            .into_iter()
            .map(|c| (c.function, c.capabilities.into_iter().collect(), c.helper))
            .collect()
    }

    fn one(
        function: &str,
        asked: &[Capability],
        helper: &str,
    ) -> (String, Vec<Capability>, String) {
        (function.to_owned(), asked.to_vec(), helper.to_owned())
    }

    const CAP_CAPABLE: (&str, &[u8]) = ("cap_capable", &[0xc3]);
    /// `jmp -0x15`: to the function before.
    const JUMPS_BACK: &[u8] = &[0xe9, 0xeb, 0xff, 0xff, 0xff];
    /// The same, as a helper's code.
    const CAPABLE: (&str, &[u8]) = ("capable", JUMPS_BACK);

    #[test]
    fn a_call_is_seen_with_what_it_asks_for() {
        // mov edi, 21; call capable; ret
        let asks: &[u8] = &[0xbf, 21, 0, 0, 0, 0xe8, 0xe6, 0xff, 0xff, 0xff, 0xc3];
        assert_eq!(
            asked(&[CAP_CAPABLE, CAPABLE, ("sys_x.isra.0", asks)]),
            [one("sys_x", &[Capability::SYS_ADMIN], "capable")]
        );
        // The same number in another register says nothing: mov esi, 21.
        let asks: &[u8] = &[0xbe, 21, 0, 0, 0, 0xe8, 0xe6, 0xff, 0xff, 0xff, 0xc3];
        assert_eq!(asked(&[CAP_CAPABLE, CAPABLE, ("sys_x", asks)]), [one("sys_x", &[], "capable")]);
        // Nor where somebody jumps to in between: mov edi, 21; jmp +0; call capable.
        let asks: &[u8] = &[0xbf, 21, 0, 0, 0, 0xeb, 0, 0xe8, 0xe4, 0xff, 0xff, 0xff, 0xc3];
        assert_eq!(asked(&[CAP_CAPABLE, CAPABLE, ("sys_x", asks)]), [one("sys_x", &[], "capable")]);
    }

    #[test]
    fn bytes_that_only_look_like_a_call_are_none() {
        // mov rax, imm64 with a call's bytes in it.
        let code: &[u8] = &[0x48, 0xb8, 0xe8, 0xe9, 0xff, 0xff, 0xff, 0, 0, 0, 0xc3];
        assert_eq!(asked(&[CAP_CAPABLE, CAPABLE, ("sys_x", code)]), []);
    }

    #[test]
    fn whose_frame_is_gone_is_told_by_who_called_it() {
        // may: mov edi, 21; jmp capable. sys_x: call may; ret.
        let may: &[u8] = &[0xbf, 21, 0, 0, 0, 0xe9, 0xe6, 0xff, 0xff, 0xff];
        let calls: &[u8] = &[0xe8, 0xeb, 0xff, 0xff, 0xff, 0xc3];
        assert_eq!(
            asked(&[CAP_CAPABLE, CAPABLE, ("may", may), ("sys_x", calls)]),
            [one("sys_x", &[Capability::SYS_ADMIN], "capable")]
        );
        // Nobody calls it: it stands for itself.
        assert_eq!(
            asked(&[CAP_CAPABLE, CAPABLE, ("may", may)]),
            [one("may", &[Capability::SYS_ADMIN], "capable")]
        );
    }

    #[test]
    fn a_module_says_by_name_whom_it_calls() {
        let table = judge::SiteTable::builtin();
        let mut survey = Survey::default();
        survey.add(&text(&[CAP_CAPABLE, CAPABLE]), |name| table.is_helper(name));
        // mov edi, 12; call …
        let mut module = text(&[("x_ioctl", &[0xbf, 12, 0, 0, 0, 0xe8, 0, 0, 0, 0, 0xc3])]);
        module.references.insert(0x1006, "capable".to_owned());
        survey.add(&module, |name| table.is_helper(name));
        let callers = survey.callers(|name| table.is_helper(name));
        let expected = Caller {
            function: "x_ioctl".to_owned(),
            capabilities: BTreeSet::from([Capability::NET_ADMIN]),
            helper: "capable".to_owned(),
        };
        assert_eq!(callers, [expected]);
    }
}
