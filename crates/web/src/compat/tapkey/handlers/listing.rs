//! Lists as they are sent. Each object is made when its turn comes and given up when it was said: a
//! list of any length is never in memory whole. Knows no object of the API.

use std::pin::Pin;
use std::sync::Arc;
use std::vec::IntoIter;

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt, stream};
use serde_json::Value;

use super::Answered;
use crate::compat::serve::said_as;
use crate::compat::tapkey::error::Failure;
use crate::compat::tapkey::odata::{Place, Query};

/// How many objects are counted, or put in order where no fewer are asked for, at most.
pub(super) const MOST_HELD: usize = 50_000;
/// How many objects more than are asked for are held while the first in an order are looked for.
const SPARE: usize = 5000;
/// How many bytes of a list are sent at once, about; what is shorter is sent whole.
const PIECE: usize = 256 * 1024;
/// How many objects are looked at before others get their turn.
const LOOKED_AT: usize = 256;
/// How many objects the filter let through, where `$count` asked.
const COUNT: HeaderName = HeaderName::from_static("x-total-count");
const JSON: &str = "application/json; charset=utf-8";

/// Objects that are at hand after so many that are passed over, each shown when it is asked for,
/// unless it is none of the list.
pub(super) fn each<T, F>(
    items: &[T],
    passed: usize,
    mut shown: F,
) -> impl Stream<Item = Result<Value, Failure>> + Send + use<T, F>
where
    T: Clone + Send + 'static,
    F: FnMut(&T) -> Option<Value> + Send + 'static,
{
    let items = items.to_vec();
    let shown = items.into_iter().filter_map(move |item| shown(&item));
    stream::iter(shown.skip(passed).map(Ok))
}

/// What the options leave of a list, which `all` begins to read anew, after so many objects that
/// need not be made.
pub(super) async fn listed<S>(query: Query, all: impl Fn(usize) -> S) -> Answered
where
    S: Stream<Item = Result<Value, Failure>> + Send + 'static,
{
    let query = Arc::new(query);
    let matching = |passed: usize| {
        let objects = Box::pin(all(passed));
        Matching { query: query.clone(), objects, looked: 0 }
    };
    let (rest, count) = if query.is_ordered() {
        let (texts, count) = in_order(matching(0)).await?;
        (Rest::Texts(texts.into_iter()), query.counts().then_some(count))
    } else {
        // How many there are is said before them, so that they are gone through twice.
        let count = match query.counts() {
            true => Some(number(matching(0)).await?),
            false => None,
        };
        let (passed, left) = (query.passed(), query.top.unwrap_or(usize::MAX));
        (Rest::Objects { matching: matching(passed), skip: query.skip - passed, left }, count)
    };
    let sending = Sending { rest, begun: false, more: true };
    Ok(counted(sending.sent().await?, count))
}

/// The answer with how many objects the filter let through.
pub(super) fn counted(mut response: Response, count: Option<usize>) -> Response {
    if let Some(count) = count {
        response.headers_mut().insert(COUNT, HeaderValue::from(count));
    }
    response
}

/// The objects that a filter lets through.
struct Matching<S> {
    query: Arc<Query>,
    objects: Pin<Box<S>>,
    looked: usize,
}

impl<S: Stream<Item = Result<Value, Failure>>> Matching<S> {
    async fn next(&mut self) -> Result<Option<Value>, Failure> {
        while let Some(object) = self.objects.next().await.transpose()? {
            self.looked += 1;
            if self.looked.is_multiple_of(LOOKED_AT) {
                tokio::task::yield_now().await;
            }
            if self.query.holds(&object) {
                return Ok(Some(object));
            }
        }
        Ok(None)
    }

    fn text(&self, object: Value) -> String {
        self.query.selected(object).to_string()
    }
}

async fn number<S>(mut matching: Matching<S>) -> Result<usize, Failure>
where
    S: Stream<Item = Result<Value, Failure>>,
{
    let mut count = 0;
    while matching.next().await?.is_some() {
        count += 1;
    }
    Ok(count)
}

/// The texts that are asked for, in the order that is asked for, and how many objects there are.
async fn in_order<S>(mut matching: Matching<S>) -> Result<(Vec<String>, usize), Failure>
where
    S: Stream<Item = Result<Value, Failure>>,
{
    let query = matching.query.clone();
    let wanted = query.skip.saturating_add(query.top.unwrap_or(usize::MAX));
    let is_few = wanted <= MOST_HELD;
    let most = if is_few { wanted + SPARE } else { MOST_HELD };
    // The sort is stable: of two that are equal the one that came first stays before the other.
    let sort = |held: &mut Vec<(Place<'static>, String)>| {
        held.sort_by(|(one, _), (other, _)| query.compare(one, other));
        held.truncate(wanted);
    };
    let (mut held, mut count) = (Vec::new(), 0);
    while let Some(object) = matching.next().await? {
        count += 1;
        let place = query.place(&object).kept();
        held.push((place, matching.text(object)));
        if held.len() > most {
            if !is_few {
                let reason = format!(
                    "must leave at most {MOST_HELD} objects to put in order, or $skip and $top \
                     ask for no more"
                );
                return Err(Failure::field("$filter", &reason));
            }
            sort(&mut held);
        }
    }
    sort(&mut held);
    let texts = held.into_iter().skip(query.skip).map(|(_, text)| text);
    Ok((texts.collect(), count))
}

/// What is still to be said of a list.
enum Rest<S> {
    /// Of the objects so many after so many.
    Objects { matching: Matching<S>, skip: usize, left: usize },
    /// All of these.
    Texts(IntoIter<String>),
}

impl<S: Stream<Item = Result<Value, Failure>>> Rest<S> {
    async fn next(&mut self) -> Result<Option<String>, Failure> {
        match self {
            Rest::Texts(texts) => Ok(texts.next()),
            Rest::Objects { left: 0, .. } => Ok(None),
            Rest::Objects { matching, skip, left } => {
                while *skip > 0 {
                    if matching.next().await?.is_none() {
                        return Ok(None);
                    }
                    *skip -= 1;
                }
                *left -= 1;
                Ok(matching.next().await?.map(|object| matching.text(object)))
            }
        }
    }
}

/// A list on its way.
struct Sending<S> {
    rest: Rest<S>,
    /// Whether any object was said.
    begun: bool,
    /// Whether there may be more.
    more: bool,
}

impl<S: Stream<Item = Result<Value, Failure>> + Send + 'static> Sending<S> {
    /// The next of the list, begun or ended where it is the first or the last.
    async fn piece(&mut self, mut text: String) -> Result<String, Failure> {
        while self.more && text.len() < PIECE {
            let Some(object) = self.rest.next().await? else {
                self.more = false;
                text.push(']');
                break;
            };
            if self.begun {
                text.push(',');
            }
            self.begun = true;
            text.push_str(&object);
        }
        Ok(text)
    }

    /// All of it, each piece made when the one before is on its way.
    async fn sent(mut self) -> Answered {
        // What fails at the start is said in the form of this API; later the answer breaks off.
        let first = self.piece("[".to_owned()).await?;
        if !self.more {
            return Ok(said_as(200, JSON, first));
        }
        let first = stream::iter([Ok(Bytes::from(first))]);
        let others = stream::unfold(self, |mut it| async move {
            if !it.more {
                return None;
            }
            let piece = it.piece(String::new()).await.map(Bytes::from).map_err(|_| {
                it.more = false;
                std::io::Error::other("the list cannot be read on")
            });
            Some((piece, it))
        });
        let mut response = Body::from_stream(first.chain(others)).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::body::to_bytes;
    use serde_json::json;

    use super::*;
    use crate::compat::fields::Wrongs;
    use crate::compat::tapkey::odata::{Field, Kind, field};

    const SHAPE: &[Field] = &[field("id", Kind::Number), field("odd", Kind::Flag)];
    const ALL: usize = 100_000;

    fn query(options: &[(&str, &str)]) -> Query {
        let options: Vec<(String, String)> =
            options.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        Query::parse(&options, SHAPE, &mut Wrongs::default())
    }

    /// What is answered of numbers, and how many of them were made for it.
    async fn answered(options: &[(&str, &str)]) -> (Result<Response, Failure>, usize) {
        let made = Arc::new(AtomicUsize::new(0));
        let numbers: Vec<usize> = (0..ALL).collect();
        let all = |passed| {
            let made = made.clone();
            each(&numbers, passed, move |number| {
                made.fetch_add(1, Ordering::Relaxed);
                Some(json!({ "id": number, "odd": number % 2 == 1, "x": "x".repeat(90) }))
            })
        };
        let answer = listed(query(options), all).await;
        (answer, made.load(Ordering::Relaxed))
    }

    async fn body(response: Response) -> Vec<Value> {
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    fn ids(items: &[Value]) -> Vec<u64> {
        items.iter().map(|item| item["id"].as_u64().unwrap()).collect()
    }

    #[tokio::test]
    async fn no_more_is_made_than_is_said() {
        for (options, made, wanted) in [
            (&[("$top", "1")][..], 1, &[0][..]),
            (&[("$top", "2"), ("$skip", "3")], 5, &[3, 4]),
            (&[("$top", "2"), ("$filter", "odd eq true")], 4, &[1, 3]),
            (&[("$top", "0")], 0, &[]),
            (&[("$filter", "id lt 0")], ALL, &[]),
            (&[("$skip", "100000")], ALL, &[]),
            (&[("$top", "2"), ("$skip", "99999")], ALL, &[99_999]),
        ] {
            let (answer, count) = answered(options).await;
            assert_eq!(count, made, "{options:?}");
            assert_eq!(ids(&body(answer.unwrap()).await), wanted, "{options:?}");
        }
    }

    #[tokio::test]
    async fn a_long_list_is_made_piece_by_piece_and_comes_whole() {
        let (answer, made) = answered(&[]).await;
        assert!(made < PIECE / 100 + 10, "{made} were made before anything was sent");
        let items = body(answer.unwrap()).await;
        assert!(ids(&items).into_iter().eq(0..ALL as u64));
        let (answer, _) = answered(&[("$count", "true"), ("$filter", "odd")]).await;
        let answer = answer.unwrap();
        assert_eq!(answer.headers()[COUNT], "50000");
        assert_eq!(body(answer).await.len(), 50_000);
    }

    #[tokio::test]
    async fn in_another_order_as_many_are_held_as_are_asked_for() {
        let order = ("$orderby", "odd desc");
        let late = ("$filter", "id ge 50000");
        let top = [order, late, ("$top", "3"), ("$skip", "24999"), ("$count", "true")];
        let answer = answered(&top).await.0.unwrap();
        assert_eq!(answer.headers()[COUNT], "50000");
        // What is equal stays in its own order.
        assert_eq!(ids(&body(answer).await), [99_999, 50_000, 50_002]);
        let half = [order, ("$filter", "id lt 50000")];
        let items = body(answered(&half).await.0.unwrap()).await;
        assert_eq!((items.len(), &ids(&items)[..2]), (50_000, &[1, 3][..]));
        let failed = answered(&[order]).await.0.unwrap_err();
        assert_eq!(failed.into_response().status(), 400);
    }

    #[tokio::test]
    async fn a_list_that_cannot_be_read_on_never_looks_whole() {
        let read = |fails: usize| {
            move |passed: usize| {
                stream::iter((passed..ALL).map(move |at| match at < fails {
                    true => Ok(json!({ "id": at, "x": "x".repeat(90) })),
                    false => Err(Failure::conflict("It broke.")),
                }))
            }
        };
        assert!(listed(query(&[]), read(10)).await.is_err(), "said in the form of the API");
        let answer = listed(query(&[]), read(90_000)).await.unwrap();
        assert!(to_bytes(answer.into_body(), usize::MAX).await.is_err());
        let skip = [("$top", "1"), ("$skip", "11"), ("$filter", "id ge 0")];
        let one = listed(query(&skip), read(10)).await;
        assert!(one.is_err(), "what is passed over is read");
    }
}
