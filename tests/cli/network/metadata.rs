//! An instance's metadata service on loopback, as far as credentials need it.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::json;

pub(super) struct Metadata {
    pub(super) address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Metadata {
    /// The first line of every request.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Answers until the process ends.
pub(super) fn serve() -> Metadata {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let log = Arc::clone(&asked);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let Some(Ok(line)) = lines.next() else { continue };
            // The rest of the head; no request has a body.
            lines.find(|line| line.as_ref().is_ok_and(String::is_empty));
            let (status, body) = answer(&line);
            log.lock().unwrap().push(line);
            let head = "X-aws-ec2-metadata-token-ttl-seconds: 21600\r\nConnection: close";
            let length = body.len();
            write!(stream, "HTTP/1.1 {status}\r\n{head}\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
        }
    });
    Metadata { address, asked }
}

fn answer(line: &str) -> (&'static str, String) {
    let credentials = json!({
        "Code": "Success",
        "Type": "AWS-HMAC",
        "AccessKeyId": "ASIAINSTANCE",
        "SecretAccessKey": "of-the-instance",
        "Token": "token-of-the-instance",
        "LastUpdated": "2026-11-28T12:00:00Z",
        "Expiration": "2036-11-28T12:00:00Z",
    });
    match line.split(' ').nth(1).unwrap_or_default() {
        "/latest/api/token" => ("200 OK", "token".to_owned()),
        path if path.ends_with("/security-credentials/") => ("200 OK", "deploy".to_owned()),
        path if path.ends_with("/security-credentials/deploy") => ("200 OK", credentials.to_string()),
        _ => ("404 Not Found", String::new()),
    }
}
