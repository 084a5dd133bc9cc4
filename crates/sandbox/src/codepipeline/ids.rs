//! Ids that look like AWS's and are the same in every run.

/// A source of ids, each one only once. Their first digits tell people what they are ids of.
#[derive(Debug, Clone, Default)]
pub(super) struct Ids(u64);

impl Ids {
    pub(super) fn job(&mut self) -> String {
        self.uuid(0x0b)
    }

    pub(super) fn action_execution(&mut self) -> String {
        self.uuid(0xac)
    }

    pub(super) fn pipeline_execution(&mut self) -> String {
        self.uuid(0xee)
    }

    /// What proves that a job was offered.
    pub(super) fn nonce(&mut self) -> String {
        format!("nonce-{:08}", self.next())
    }

    fn uuid(&mut self, kind: u8) -> String {
        format!("{kind:02x}000000-0000-4000-8000-{:012x}", self.next())
    }

    fn next(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}
