//! What a test or a console does with parameters, besides the calls that travel.

use serde_json::json;

use crate::{ApiError, Sandbox};

impl Sandbox {
    /// Gives a parameter of the type String a value, as somebody else would, and makes it if there is
    /// none.
    ///
    /// # Errors
    /// What AWS would answer.
    pub fn put_parameter(&self, name: &str, value: &str) -> Result<(), ApiError> {
        let request = json!({ "Name": name, "Value": value, "Type": "String", "Overwrite": true });
        self.state().ssm.put(&request, self.clock.now()).map(|_| ())
    }

    /// Limits the calls of `PutParameter` to so many a second from now on, for all parameters together, and lets an
    /// update of one of them take a moment. Without it there is no limit.
    pub fn set_parameter_rate(&self, writes_a_second: usize) {
        self.state().ssm.writes_a_second = Some(writes_a_second);
    }

    /// A parameter's value and version.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<(String, u64)> {
        let state = self.state();
        let parameter = state.ssm.parameters.get(name)?;
        Some((parameter.values.last()?.clone(), parameter.version))
    }
}
