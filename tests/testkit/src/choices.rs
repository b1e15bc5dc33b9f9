//! Texts made from bytes: the same bytes make the same text, and none the plainest.

/// Who makes choices, a byte each.
pub trait Choices<'c> {
    /// What is left to choose by.
    fn choices(&mut self) -> &mut &'c [u8];

    /// A number below this; 0 where nothing is left.
    fn pick(&mut self, below: usize) -> usize {
        let choices = self.choices();
        let Some((first, rest)) = choices.split_first() else { return 0 };
        *choices = rest;
        usize::from(*first) % below
    }

    /// Once in so many times, and never where nothing is left.
    fn rarely(&mut self, of: usize) -> bool {
        self.pick(of) == of - 1
    }

    /// One of these; the first where nothing is left.
    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.pick(of.len())]
    }
}
