//! AWS's clock, by the `Date` of its responses; and the time by which the SDK signs.

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_ecs::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeDeserializationInterceptorContextRef,
    BeforeTransmitInterceptorContextRef,
};
use aws_sdk_ecs::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ecs::error::BoxError;
use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, Metadata};
use aws_smithy_types::DateTime;
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use aws_smithy_types::date_time::Format;

use crate::clock::{Clock, Moment, Timestamp};

use super::error::is_of_aws;

/// Lets the clock learn from every response of AWS, refusals included.
///
/// What a proxy or a gateway responds does not count, nor does a response out of a cache, whose date is old. Requests
/// that the SDK does not make (a webhook's, the download of an image's layer) do not come by here.
#[derive(Debug, Clone, Copy)]
pub(super) struct ServerTime(pub(super) Clock);

/// When the request of an attempt was sent.
#[derive(Debug, Clone, Copy)]
struct Sent(Moment);

/// When its response came.
#[derive(Debug, Clone, Copy)]
struct Received(Moment);

impl Storable for Sent {
    type Storer = StoreReplace<Self>;
}

impl Storable for Received {
    type Storer = StoreReplace<Self>;
}

impl Intercept for ServerTime {
    fn name(&self) -> &'static str {
        "ServerTime"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _runtime_components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        config.interceptor_state().store_put(Sent(Moment::now()));
        Ok(())
    }

    fn read_after_transmit(
        &self,
        _context: &BeforeDeserializationInterceptorContextRef<'_>,
        _runtime_components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        config.interceptor_state().store_put(Received(Moment::now()));
        Ok(())
    }

    // Only here has the body been read, which tells whether AWS sent it.
    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _runtime_components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let times = config.load::<Sent>().zip(config.load::<Received>()).zip(config.load::<Metadata>());
        let Some(((Sent(sent), Received(received)), metadata)) = times else { return Ok(()) };
        let response = context.response();
        if let Some(date) = date(response).filter(|_| is_of_aws(metadata, response)) {
            self.0.learn(*sent, *received, date);
        }
        Ok(())
    }
}

/// The time that a response is dated with.
fn date(response: &HttpResponse) -> Option<Timestamp> {
    let headers = response.headers();
    // Only a cache says how old its response is (RFC 9111, section 5.1).
    if headers.get("age").is_some() {
        return None;
    }
    let date = DateTime::from_str(headers.get("date")?, Format::HttpDate).ok()?;
    let at = SystemTime::try_from(date).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Timestamp::from_unix(at))
}

/// The time by which a client of the SDK signs: AWS's as it was known at the client's first call, and from then on
/// without a jump.
///
/// The SDK corrects a clock that is wrong by itself, once for each client: it sends a call again that was refused for
/// its signature's time, and adds the difference to what its time source shows. A source that was corrected in that
/// moment too would be corrected twice. So only clients that begin after the first response have AWS's time from the
/// beginning.
pub(super) fn sdk_time(clock: Clock) -> SharedTimeSource {
    SharedTimeSource::new(SdkTime { clock, began: OnceLock::new() })
}

#[derive(Debug)]
struct SdkTime {
    clock: Clock,
    began: OnceLock<(Moment, Timestamp)>,
}

impl TimeSource for SdkTime {
    fn now(&self) -> SystemTime {
        let now = Moment::now();
        let (began, at) = *self.began.get_or_init(|| (now, self.clock.at(now)));
        UNIX_EPOCH + at.plus(now.since(began)).since_epoch()
    }
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::body::SdkBody;
    use std::time::Duration;

    use super::*;

    fn response(headers: &[(&'static str, &'static str)]) -> HttpResponse {
        let mut response = HttpResponse::new(200.try_into().unwrap(), SdkBody::empty());
        for (name, value) in headers {
            response.headers_mut().insert(*name, *value);
        }
        response
    }

    #[test]
    fn a_response_is_dated_by_its_header_unless_it_comes_out_of_a_cache() {
        let dated = ("date", "Fri, 15 Jan 2027 08:00:00 GMT");
        let at = Timestamp::from_unix(Duration::from_secs(1_800_000_000));
        assert_eq!(date(&response(&[dated])), Some(at));
        for headers in [&[][..], &[dated, ("age", "3")], &[("date", "soon")], &[("date", "")]] {
            assert_eq!(date(&response(headers)), None, "{headers:?}");
        }
        let old = ("date", "Thu, 31 Dec 1969 23:59:59 GMT");
        assert_eq!(date(&response(&[old])), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_signs_by_what_was_known_at_its_first_call_and_never_jumps() {
        let clock = Clock::starting_at(Timestamp::from_unix(Duration::from_secs(1_800_000_600)));
        let (early, late) = (sdk_time(clock), sdk_time(clock));
        let at = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap().as_secs();
        assert_eq!(at(early.now()), 1_800_000_600);
        let now = Moment::now();
        clock.learn(now, now, Timestamp::from_unix(Duration::from_secs(1_800_000_000)));
        assert_eq!((at(early.now()), at(late.now())), (1_800_000_600, 1_800_000_001));
        clock.sleep(Duration::from_secs(60)).await;
        assert_eq!((at(early.now()), at(late.now())), (1_800_000_660, 1_800_000_061));
    }
}
