//! Where records are kept.

mod file;
mod object;
mod parameter;
mod state;
mod variables;

pub use file::FileStore;
pub use object::ObjectStore;
pub use parameter::ParameterStore;
pub use state::StateStore;
pub use variables::VariablesStore;

use evenkeel_core::failure::Failure;
use evenkeel_core::ports::{Excess, Objects, Parameters, RecordStore, Version};
use evenkeel_core::record::Sink;

/// Any place of a record.
#[derive(Debug, Clone)]
pub enum Store<O, P> {
    /// `ssm:/NAME`.
    Parameter(ParameterStore<P>),
    /// `s3://BUCKET/KEY`.
    Object(ObjectStore<O>),
    /// `tfstate:s3://BUCKET/KEY`.
    State(StateStore<O>),
    /// `tfvars:PATH`.
    Variables(VariablesStore),
    /// `file:PATH`.
    File(FileStore),
}

/// Opens the places of a record; makes no call.
pub fn open<O: Objects + Clone, P: Parameters + Clone>(
    sinks: &[Sink],
    objects: &O,
    parameters: &P,
) -> Vec<Store<O, P>> {
    let open = |sink: &Sink| match sink {
        Sink::Parameter(name) => Store::Parameter(ParameterStore::new(parameters.clone(), name)),
        Sink::Object(at, encryption) => {
            Store::Object(ObjectStore::new(objects.clone(), at.clone(), encryption.clone()))
        }
        Sink::State(at, encryption) => {
            Store::State(StateStore::new(objects.clone(), at.clone(), encryption.clone()))
        }
        Sink::Variables(path) => Store::Variables(VariablesStore::new(path)),
        Sink::File(path) => Store::File(FileStore::new(path)),
    };
    sinks.iter().map(open).collect()
}

impl<O: Objects, P: Parameters> RecordStore for Store<O, P> {
    fn place(&self) -> String {
        match self {
            Self::Parameter(store) => store.place(),
            Self::Object(store) => store.place(),
            Self::State(store) => store.place(),
            Self::Variables(store) => store.place(),
            Self::File(store) => store.place(),
        }
    }

    async fn read(&self) -> Result<Option<(Vec<u8>, Version)>, Failure> {
        match self {
            Self::Parameter(store) => store.read().await,
            Self::Object(store) => store.read().await,
            Self::State(store) => store.read().await,
            Self::Variables(store) => store.read().await,
            Self::File(store) => store.read().await,
        }
    }

    async fn write(&self, over: Option<&Version>, content: &[u8]) -> Result<Option<Version>, Failure> {
        match self {
            Self::Parameter(store) => store.write(over, content).await,
            Self::Object(store) => store.write(over, content).await,
            Self::State(store) => store.write(over, content).await,
            Self::Variables(store) => store.write(over, content).await,
            Self::File(store) => store.write(over, content).await,
        }
    }

    fn excess(&self, content: &[u8]) -> Option<Excess> {
        match self {
            Self::Parameter(store) => store.excess(content),
            Self::Object(store) => store.excess(content),
            Self::State(store) => store.excess(content),
            Self::Variables(store) => store.excess(content),
            Self::File(store) => store.excess(content),
        }
    }
}
