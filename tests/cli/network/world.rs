//! A company's network: a certificate authority of its own, TLS before the embedded AWS, and a proxy.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::world::{Account, DEPLOY, Ended};

/// A name that nobody resolves but the proxy.
pub(super) const NAME: &str = "aws.test";
/// The proxy's user and password as the address has them, and as they are sent: `build:s3cr@t-proxy`.
pub(super) const USER: &str = "build:s3cr%40t-proxy";
const AUTHORIZATION: &str = "Basic YnVpbGQ6czNjckB0LXByb3h5";
/// What no output may show.
const SECRETS: [&str; 3] = ["s3cr%40t-proxy", "s3cr@t-proxy", "YnVpbGQ6"];

/// An account with TLS before it, whose certificate the company's authority signed.
pub(super) struct Network {
    pub(super) account: Account,
    /// Where AWS is served by TLS.
    pub(super) tls: SocketAddr,
    pub(super) proxy: SocketAddr,
    /// The authority's certificate.
    pub(super) bundle: PathBuf,
    log: Arc<Log>,
    _serving: oneshot::Sender<()>,
}

/// What was asked of the proxy, and of AWS by TLS.
#[derive(Default)]
struct Log {
    proxied: Mutex<Vec<String>>,
    handshakes: Mutex<usize>,
}

impl Network {
    pub(super) fn new() -> Self {
        let account = Account::new();
        let (config, authority) = certificate();
        let bundle = account.path().join("company.pem");
        std::fs::write(&bundle, authority).unwrap();
        let log = Arc::<Log>::default();
        let (serving, ended) = oneshot::channel::<()>();
        let (tell, told) = mpsc::channel();
        let (aws, seen) = (account.address().to_owned(), Arc::clone(&log));
        let plain = aws.parse().unwrap();
        thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let tls = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let address = tls.local_addr().unwrap();
                tell.send((address, proxy.local_addr().unwrap())).unwrap();
                tokio::select! {
                    () = terminate(tls, TlsAcceptor::from(config), aws, &seen) => {}
                    () = serve_proxy(proxy, address, plain, &seen) => {}
                    _ = ended => {}
                }
            });
        });
        let (tls, proxy) = told.recv().unwrap();
        Self { account, tls, proxy, bundle, log, _serving: serving }
    }

    /// `evenkeel deploy`, with AWS at this address and nobody trusted but by the system.
    pub(super) fn deploy(&self, endpoint: &str, more: &[&str]) -> Command {
        let image = ["--image", crate::world::APP_NEW];
        let mut command = self.account.command(&[&DEPLOY[..], &image, more].concat());
        command.env("AWS_ENDPOINT_URL", endpoint);
        command
    }

    /// The proxy's address with user and password.
    pub(super) fn proxy(&self) -> String {
        format!("http://{USER}@{}", self.proxy)
    }

    /// The first line of every request to the proxy.
    pub(super) fn proxied(&self) -> Vec<String> {
        self.log.proxied.lock().unwrap().clone()
    }

    /// How many connections by TLS were begun.
    pub(super) fn handshakes(&self) -> usize {
        *self.log.handshakes.lock().unwrap()
    }
}

/// Runs it; the proxy's password is in no output.
pub(super) fn ended(command: &mut Command) -> Ended {
    let ended = Ended::of(command.output().unwrap());
    for secret in SECRETS {
        assert!(!ended.stdout.contains(secret) && !ended.stderr.contains(secret), "{secret}: {ended:?}");
    }
    ended
}

/// What a server needs that this authority vouches for, and the authority's certificate as PEM.
pub(super) fn certificate() -> (Arc<ServerConfig>, String) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let certificate = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let names = [NAME, "hooks.test", "127.0.0.1"].map(str::to_owned);
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    (Arc::new(config), certificate.pem())
}

/// Forwards what comes by TLS to AWS.
async fn terminate(listener: TcpListener, acceptor: TlsAcceptor, aws: String, log: &Log) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        *log.handshakes.lock().unwrap() += 1;
        let (acceptor, aws) = (acceptor.clone(), aws.clone());
        tokio::spawn(async move {
            // A client that does not trust us ends here.
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let mut onward = TcpStream::connect(aws).await.unwrap();
            let _ = copy_bidirectional(&mut stream, &mut onward).await;
        });
    }
}

/// A proxy that opens tunnels for its user, every one to AWS by TLS, but none to `refused.test`, and forwards
/// requests without TLS to AWS as they are.
async fn serve_proxy(listener: TcpListener, aws: SocketAddr, plain: SocketAddr, log: &Arc<Log>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(forward(stream, aws, plain, Arc::clone(log)));
    }
}

async fn forward(mut stream: TcpStream, aws: SocketAddr, plain: SocketAddr, log: Arc<Log>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let line = head.lines().next().unwrap_or_default().to_owned();
    log.proxied.lock().unwrap().push(line.clone());
    let is_user = head.lines().any(|line| {
        let (name, value) = line.split_once(':').unwrap_or_default();
        name.eq_ignore_ascii_case("proxy-authorization") && value.trim() == AUTHORIZATION
    });
    let answer = if !is_user {
        "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"
    } else if line.contains("refused.test") {
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
    } else {
        "HTTP/1.1 200 Connection established\r\n\r\n"
    };
    if is_user && !line.starts_with("CONNECT ") {
        let mut onward = TcpStream::connect(plain).await.unwrap();
        onward.write_all(head.as_bytes()).await.unwrap();
        let _ = copy_bidirectional(&mut stream, &mut onward).await;
        return;
    }
    if stream.write_all(answer.as_bytes()).await.is_err() || !answer.contains(" 200 ") {
        return;
    }
    let mut onward = TcpStream::connect(aws).await.unwrap();
    let _ = copy_bidirectional(&mut stream, &mut onward).await;
}
