//! The way of one request: log it, let a fault strike, carry it out, answer.

use evenkeel_core::timestamp::Timestamp;

use super::calls::{Call, CallId};
use super::faults::{self, FaultKind};
use super::hooks::HookMoment;
use super::protocol::{parse, refusal};
use super::sns::Sns;
use super::time;
use super::wire::{ApiError, JsonService, Parsed, Protocol, Request, Response};
use super::{Sandbox, State};

/// The connection was cut: there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ConnectionCut;

impl Sandbox {
    /// Answers a request, whatever transport it came by.
    pub(super) async fn handle(&self, request: Request) -> Result<Response, ConnectionCut> {
        let call = parse(&request);
        let (id, fault) = self.arrive(&call, request.access_key());
        if let Some(FaultKind::Delay(duration)) = &fault {
            self.clock.sleep(*duration).await;
        }
        if fault == Some(FaultKind::HangBefore) {
            self.hang().await;
        }
        let answer = self.answer(&call, &request, id, fault.as_ref());
        if fault == Some(FaultKind::HangAfter) {
            self.hang().await;
        }
        let answer = answer.map(|mut response| {
            self.state().quotes.add_to(&mut response, &call);
            let response = response
                .with_header("date", time::http_date(self.clock.now()))
                .with_header("x-amzn-requestid", id.request_id());
            match &fault {
                Some(FaultKind::Garbled(garbled)) => garbled.change(response),
                Some(_) | None => response,
            }
        });
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

    fn arrive(&self, call: &Parsed, access_key: Option<&str>) -> (CallId, Option<FaultKind>) {
        let entry = Call {
            operation: call.operation.clone(),
            at: self.clock.now(),
            request: call.request.clone().unwrap_or_default(),
            access_key: access_key.map(str::to_owned),
            effect: false,
            status: None,
            sent: 0,
        };
        // Both locks are held, so that the call strikes as it is logged: in order of arrival.
        let mut plans = self.plans();
        let id = self.state().calls.add(entry);
        let fault = plans.faults.strike(&call.operation);
        let is_allowed = plans.limits.allow(&call.operation, self.clock.now());
        (id, if is_allowed { fault } else { Some(FaultKind::Throttled) })
    }

    fn answer(
        &self,
        call: &Parsed,
        request: &Request,
        id: CallId,
        fault: Option<&FaultKind>,
    ) -> Result<Response, ConnectionCut> {
        let takes_effect = fault.is_none_or(FaultKind::takes_effect);
        let answer = takes_effect.then(|| self.carry_out(call, request, id));
        if let Some(error) = fault.and_then(|fault| fault.refusal(call)) {
            return Ok(refusal(call.protocol, &error));
        }
        match fault {
            Some(FaultKind::CutBefore | FaultKind::CutAfter) => Err(ConnectionCut),
            Some(FaultKind::Empty) => Ok(Response::json(&faults::empty(&call.operation))),
            Some(_) | None => answer.ok_or(ConnectionCut),
        }
    }

    fn carry_out(&self, call: &Parsed, received: &Request, id: CallId) -> Response {
        if let Err(error) = time::check_signature(received, call.protocol, self.clock.now()) {
            return refusal(call.protocol, &error);
        }
        self.run_hooks(HookMoment::Before, &call.operation);
        let answer = {
            let mut state = self.state();
            let answer = state.perform(call, received, self.clock.now());
            if let Some(entry) = state.calls.get_mut(id) {
                entry.effect = answer.is_ok();
            }
            answer
        };
        if answer.is_ok() {
            self.run_hooks(HookMoment::After, &call.operation);
        }
        answer.unwrap_or_else(|error| refusal(call.protocol, &error))
    }

    fn run_hooks(&self, moment: HookMoment, operation: &str) {
        // The lock is given back first, since a hook acts on this sandbox.
        let due = self.plans().hooks.take(moment, operation);
        for then in due {
            then(self);
        }
    }
}

impl State {
    /// Lets the service that a call is for perform it.
    fn perform(&mut self, call: &Parsed, received: &Request, now: Timestamp) -> Result<Response, ApiError> {
        let request = call.request.as_ref().map_err(Clone::clone)?;
        let (operation, key) = (call.operation.as_str(), received.access_key());
        let grants = &mut self.grants;
        let service = match call.protocol {
            Protocol::Json(service) => service,
            Protocol::Query if Sns::has(operation) => {
                return self.sns.answer(operation, request).map(Response::xml);
            }
            Protocol::Query => return self.sts.answer(operation, request, key, now).map(Response::xml),
            Protocol::Rest => return self.s3.answer(operation, received, grants, key, now),
            Protocol::RestJson => {
                return self
                    .scheduler
                    .answer(operation, request, now)
                    .map(|body| Response::plain_json(&body));
            }
        };
        let answer = match service {
            JsonService::CodePipeline => self.codepipeline.answer(operation, request, grants, now),
            JsonService::Ecr => self.ecr.answer(operation, request, received.header("host"), now),
            JsonService::Ecs => self.ecs.answer_late(operation, request, now),
            JsonService::Events => self.events.answer(operation, request, now),
            JsonService::Logs => self.logs.answer(operation, request, &mut self.ecs, now),
            JsonService::Ssm => self.ssm.answer(operation, request, now),
        };
        answer.map(|body| Response::json(&body))
    }
}
