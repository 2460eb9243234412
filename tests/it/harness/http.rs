//! One HTTP/1.1 request to a local server. What travels after an upgrade is the business of `client`.

use super::PATIENCE;
use http_body_util::{BodyExt, Empty};
use hyper::{HeaderMap, Request, Response, Uri, body::Bytes, body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet, time::timeout};

/// A whole answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Reply {
    /// The value of a header, empty when it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a header in ASCII"))
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|problem| panic!("{problem} in {self:?}"))
    }
}

/// `GET url`; panics when nobody answers.
pub async fn get(url: &str) -> Reply {
    try_get(url).await.unwrap_or_else(|problem| panic!("GET {url}: {problem}"))
}

/// `GET url`
///
/// # Errors
/// Why there was no whole answer.
pub async fn try_get(url: &str) -> Result<Reply, String> {
    let (uri, request) = request(url)?;
    let exchange = async {
        let (response, _connection) = send(&uri, request).await?;
        whole(response).await
    };
    timeout(PATIENCE, exchange).await.map_err(|_| "no answer in time".to_owned())?
}

/// A GET with its `Host`, for `http://` and `ws://` alike.
pub fn request(url: &str) -> Result<(Uri, Request<Empty<Bytes>>), String> {
    let uri: Uri = url.parse().map_err(|problem| format!("{url}: {problem}"))?;
    let authority = uri.authority().ok_or_else(|| format!("{url}: no host"))?;
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let request = Request::get(target).header("host", authority.as_str()).body(Empty::new());
    Ok((uri.clone(), request.map_err(|problem| problem.to_string())?))
}

/// Sends a request; the connection lives until the set is dropped or the other side ends it.
pub async fn send(uri: &Uri, request: Request<Empty<Bytes>>) -> Result<(Response<Incoming>, JoinSet<()>), String> {
    let address = uri.authority().expect("request() looked").as_str();
    let socket = TcpStream::connect(address).await.map_err(|problem| problem.to_string())?;
    socket.set_nodelay(true).map_err(|problem| problem.to_string())?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(socket)).await.map_err(|problem| problem.to_string())?;
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let _ = connection.with_upgrades().await; // what goes wrong is told by send_request
    });
    let response = sender.send_request(request).await.map_err(|problem| problem.to_string())?;
    Ok((response, tasks))
}

/// Reads an answer to its end.
pub async fn whole(response: Response<Incoming>) -> Result<Reply, String> {
    let (head, body) = response.into_parts();
    let bytes = body.collect().await.map_err(|problem| problem.to_string())?.to_bytes();
    let body = String::from_utf8(bytes.to_vec()).map_err(|problem| problem.to_string())?;
    Ok(Reply { status: head.status.as_u16(), headers: head.headers, body })
}
