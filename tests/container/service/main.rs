//! A service that says its version to whoever asks, or crashes at its start if that is what its version does. With a word
//! more it migrates its database instead, and ends.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::exit;
use std::thread::sleep;
use std::time::Duration;

const PORT: u16 = 8080;

fn main() {
    let version = std::env::args().nth(1).expect("the image names its version");
    if let Some(task) = std::env::args().nth(2) {
        migrate(&version, &task);
    }
    if version == "crashes" {
        println!("connecting to the database");
        eprintln!("no database answers at db.shop.internal:5432");
        exit(3);
    }
    let listener = TcpListener::bind(("0.0.0.0", PORT)).expect("the port is free in a container of its own");
    println!("version {version} listens");
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { continue };
        let mut request = [0; 4096];
        // Whoever hangs up early gets no answer, and nobody else suffers.
        let _ = stream.read(&mut request);
        let _ = write!(
            stream,
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{version}",
            version.len()
        );
    }
}

/// Takes six seconds between its steps, the last of which fails if `task` says so.
fn migrate(version: &str, task: &str) -> ! {
    println!("{version}: 0001_users");
    sleep(Duration::from_secs(6));
    if task == "migrate-badly" {
        println!("{version}: relation orders exists already");
        exit(3);
    }
    println!("{version}: 0002_orders");
    exit(0)
}
