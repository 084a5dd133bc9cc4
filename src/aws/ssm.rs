//! The Parameter Store of AWS Systems Manager through its SDK.

use aws_sdk_ssm::Client;
use aws_sdk_ssm::types::ParameterType;
use evenkeel_core::failure::Failure;
use evenkeel_core::ports::Parameters;
use futures_util::FutureExt;

use super::error::{Who, failure_as};

/// The prefix of its actions in IAM.
const IAM: &str = "ssm";

/// The Parameter Store, as the SDK reaches it.
#[derive(Debug, Clone)]
pub struct SsmParameters {
    client: Client,
    who: Who,
}

impl SsmParameters {
    pub(super) fn new(client: Client, who: Who) -> Self {
        Self { client, who }
    }

    async fn put(&self, name: &str, value: &str, overwrite: bool) -> Result<Option<u64>, Failure> {
        let call = self.client.put_parameter().name(name).value(value);
        match call.r#type(ParameterType::String).overwrite(overwrite).send().boxed().await {
            Ok(answer) => Ok(Some(u64::try_from(answer.version()).unwrap_or_default())),
            Err(error)
                if error.as_service_error().is_some_and(|error| error.is_parameter_already_exists()) =>
            {
                Ok(None)
            }
            Err(error) => Err(failure_as(&self.who, IAM, "PutParameter", name, &error)),
        }
    }
}

impl Parameters for SsmParameters {
    async fn get(&self, name: &str, version: Option<u64>) -> Result<Option<(String, u64)>, Failure> {
        let selected = match version {
            Some(version) => format!("{name}:{version}"),
            None => name.to_owned(),
        };
        // Erased, since its type alone would make that of a deployment too deep for the compiler.
        let found = match self.client.get_parameter().name(selected).send().boxed().await {
            Ok(answer) => answer.parameter,
            Err(error)
                if error.as_service_error().is_some_and(|error| {
                    error.is_parameter_not_found() || error.is_parameter_version_not_found()
                }) =>
            {
                None
            }
            Err(error) => return Err(failure_as(&self.who, IAM, "GetParameter", name, &error)),
        };
        let Some(found) = found else { return Ok(None) };
        match found.r#type() {
            None | Some(ParameterType::String) => {}
            Some(other) => {
                return Err(Failure::invalid_input(format!(
                    "the parameter {name} is of the type {other}, and a record is a String"
                ))
                .advice("Give the record a parameter of its own, of the type String"));
            }
        }
        let version = u64::try_from(found.version()).unwrap_or_default();
        Ok(Some((found.value.unwrap_or_default(), version)))
    }

    async fn create(&self, name: &str, value: &str) -> Result<Option<u64>, Failure> {
        self.put(name, value, false).await
    }

    async fn overwrite(&self, name: &str, value: &str) -> Result<u64, Failure> {
        // Overwriting, it does not mind that there is one.
        Ok(self.put(name, value, true).await?.unwrap_or_default())
    }
}
