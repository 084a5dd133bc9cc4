//! Making the custom action type, through CodePipeline's SDK.

use aws_sdk_codepipeline::types::{
    ActionCategory, ActionConfigurationProperty, ActionConfigurationPropertyType, ActionTypeSettings,
    ArtifactDetails,
};
use evenkeel_core::failure::Failure;
use evenkeel_core::job::{ArtifactCount, Definition, Property};

use super::Aws;
use super::error::failure_of;
use super::job::bug;

impl Aws {
    /// Makes the custom action type in the account.
    ///
    /// # Errors
    /// What CodePipeline refuses: a type that is there already, or one too many.
    pub async fn create_action_type(&self, definition: &Definition) -> Result<(), Failure> {
        let Definition { action_type, settings, inputs, outputs } = definition;
        let settings = ActionTypeSettings::builder()
            .entity_url_template(&settings.entity_url)
            .execution_url_template(&settings.execution_url);
        let properties = Property::ALL.into_iter().map(property).collect::<Result<_, _>>()?;
        let call = self
            .codepipeline()
            .create_custom_action_type()
            .category(ActionCategory::from(action_type.category.as_str()))
            .provider(action_type.provider.as_str())
            .version(action_type.version.as_str())
            .settings(settings.build())
            .set_configuration_properties(Some(properties))
            .input_artifact_details(artifacts(*inputs))
            .output_artifact_details(artifacts(*outputs));
        let of = format!("action type {action_type}");
        let created = Box::pin(call.send()).await;
        created.map_err(|error| failure_of("codepipeline", "CreateCustomActionType", &of, &error))?;
        Ok(())
    }
}

fn property(property: Property) -> Result<ActionConfigurationProperty, Failure> {
    ActionConfigurationProperty::builder()
        .name(property.name())
        .description(property.description())
        .required(property.is_required())
        .key(property.is_key())
        .secret(property.is_secret())
        // A number or a boolean would not take a pipeline's variable.
        .r#type(ActionConfigurationPropertyType::String)
        .build()
        .map_err(|error| bug("a property of the action type", error))
}

fn artifacts(count: ArtifactCount) -> ArtifactDetails {
    ArtifactDetails::builder().minimum_count(count.minimum.into()).maximum_count(count.maximum.into()).build()
}
