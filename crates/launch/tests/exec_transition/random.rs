//! A small generator with a seed: SplitMix64.

use caps::CapSet;

pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.bits() % limit
    }

    /// True in so many of a hundred.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    /// A subset: nothing, all, or thin, half, thick.
    pub fn subset(&mut self, of: CapSet) -> CapSet {
        let bits = match self.below(6) {
            0 => 0,
            1 => u64::MAX,
            2 => self.bits() & self.bits() & self.bits(),
            3 => self.bits() | self.bits() | self.bits(),
            _ => self.bits(),
        };
        CapSet::from_bits(bits) & of
    }
}
