//! The way of one request: log it, let a fault strike, carry it out, answer.

use serde_json::Value;

use super::calls::{Call, CallId};
use super::faults::{self, FaultKind};
use super::hooks::Moment;
use super::protocol::{parse, refusal};
use super::sns::Sns;
use super::time;
use super::wire::{ApiError, JsonService, Parsed, Protocol, Request, Response};
use super::{Sandbox, State};

/// The connection was cut: there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cut;

impl Sandbox {
    /// Answers a request, whatever transport it came by.
    pub(super) async fn handle(&self, request: Request) -> Result<Response, Cut> {
        let access_key = request.access_key();
        let call = parse(&request);
        let (id, fault) = self.arrive(&call, access_key.clone());
        if let Some(FaultKind::Delay(duration)) = &fault {
            self.clock.sleep(*duration).await;
        }
        if fault == Some(FaultKind::HangBefore) {
            self.hang().await;
        }
        let answer = self.answer(&call, &request, access_key.as_deref(), id, fault.as_ref());
        if fault == Some(FaultKind::HangAfter) {
            self.hang().await;
        }
        let mut answer = answer.map(|mut response| {
            self.state().quotes.add_to(&mut response, &call);
            response.headers.push(("date", time::http_date(self.clock.now())));
            Response { request_id: id.request_id(), ..response }
        });
        if let Some(FaultKind::Garbled(garbled)) = &fault {
            answer = answer.map(|response| garbled.change(response));
        }
        if let Some(entry) = self.state().calls.get_mut(id) {
            entry.sent = answer.as_ref().map_or(0, |response| response.body.len());
            entry.status = answer.as_ref().ok().map(|response| response.status);
        }
        self.called.notify_waiters();
        answer
    }

    async fn hang(&self) {
        self.hanging.notify_one();
        std::future::pending().await
    }

    fn arrive(&self, call: &Parsed, access_key: Option<String>) -> (CallId, Option<FaultKind>) {
        let at = self.clock.now();
        let mut state = self.state();
        let id = state.calls.add(Call {
            operation: call.operation.clone(),
            at,
            request: call.request.clone().unwrap_or_default(),
            access_key,
            effect: false,
            status: None,
            sent: 0,
        });
        (id, state.faults.strike(&call.operation))
    }

    fn answer(
        &self,
        call: &Parsed,
        request: &Request,
        access_key: Option<&str>,
        id: CallId,
        fault: Option<&FaultKind>,
    ) -> Result<Response, Cut> {
        let carry_out = || self.carry_out(call, request, access_key, id);
        let refuse = |error: ApiError| Ok(refusal(call.protocol, &error));
        match fault {
            None | Some(FaultKind::Delay(_) | FaultKind::HangBefore | FaultKind::HangAfter) => {
                Ok(carry_out())
            }
            Some(FaultKind::ErrorAfter) => {
                carry_out();
                refuse(faults::server_error())
            }
            Some(FaultKind::CutAfter) => {
                carry_out();
                Err(Cut)
            }
            Some(FaultKind::CutBefore) => Err(Cut),
            Some(FaultKind::ErrorBefore) => refuse(faults::server_error()),
            Some(FaultKind::Throttled) => refuse(faults::throttled()),
            Some(FaultKind::Denied) => {
                let request = call.request.as_ref().unwrap_or(&Value::Null);
                let service = call.protocol.service(&call.operation);
                refuse(faults::denied(service, &call.operation, request))
            }
            Some(FaultKind::ConcurrentRevision) => refuse(faults::concurrent_revision()),
            Some(FaultKind::Refused { status, code, message }) => {
                refuse(ApiError { status: *status, ..ApiError::new(code, *message) })
            }
            Some(FaultKind::ExpiredToken) => refuse(faults::expired_token()),
            Some(FaultKind::Unsupported) => refuse(ApiError::unknown_operation()),
            Some(FaultKind::Garbled(_)) => Ok(carry_out()),
            Some(FaultKind::Empty) => Ok(Response::json(&faults::empty(&call.operation))),
        }
    }

    fn carry_out(&self, call: &Parsed, received: &Request, access_key: Option<&str>, id: CallId) -> Response {
        if let Err(error) = time::check_signature(received, call.protocol, self.clock.now()) {
            return refusal(call.protocol, &error);
        }
        self.run_hooks(Moment::Before, &call.operation);
        let answer = {
            let now = self.clock.now();
            let mut guard = self.state();
            let State { ecs, ecr, codepipeline, events, grants, logs, s3, sns, ssm, sts, calls, .. } =
                &mut *guard;
            let answer =
                call.request.as_ref().map_err(Clone::clone).and_then(|request| match call.protocol {
                    Protocol::Json(JsonService::CodePipeline) => codepipeline
                        .answer(&call.operation, request, grants, now)
                        .map(|body| Response::json(&body)),
                    Protocol::Json(JsonService::Ecs) => {
                        ecs.answer_late(&call.operation, request, now).map(|body| Response::json(&body))
                    }
                    Protocol::Json(JsonService::Ecr) => ecr
                        .answer(&call.operation, request, received.header("host"), now)
                        .map(|body| Response::json(&body)),
                    Protocol::Json(JsonService::Events) => {
                        events.answer(&call.operation, request).map(|body| Response::json(&body))
                    }
                    Protocol::Json(JsonService::Logs) => {
                        logs.answer(&call.operation, request, ecs, now).map(|body| Response::json(&body))
                    }
                    Protocol::Json(JsonService::Ssm) => {
                        ssm.answer(&call.operation, request, now).map(|body| Response::json(&body))
                    }
                    Protocol::Query if Sns::has(&call.operation) => {
                        sns.answer(&call.operation, request).map(Response::xml)
                    }
                    Protocol::Query => {
                        sts.answer(&call.operation, request, access_key, now).map(Response::xml)
                    }
                    Protocol::Rest => s3.answer(&call.operation, received, grants, access_key, now),
                });
            if let Some(entry) = calls.get_mut(id) {
                entry.effect = answer.is_ok();
            }
            answer
        };
        match answer {
            Ok(response) => {
                self.run_hooks(Moment::After, &call.operation);
                response
            }
            Err(error) => refusal(call.protocol, &error),
        }
    }

    fn run_hooks(&self, moment: Moment, operation: &str) {
        // The lock is given back first, since a hook acts on this sandbox.
        let due = self.state().hooks.take(moment, operation);
        for then in due {
            then(self);
        }
    }
}

impl Protocol {
    fn service(self, operation: &str) -> &'static str {
        match self {
            Self::Json(JsonService::CodePipeline) => "codepipeline",
            Self::Json(JsonService::Ecr) => "ecr",
            Self::Json(JsonService::Ecs) => "ecs",
            Self::Json(JsonService::Events) => "events",
            Self::Json(JsonService::Logs) => "logs",
            Self::Json(JsonService::Ssm) => "ssm",
            Self::Query if Sns::has(operation) => "sns",
            Self::Query => "sts",
            Self::Rest => "s3",
        }
    }
}
