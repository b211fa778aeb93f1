//! A server of files on the loopback interface, with a page that lists each folder.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Paths and what is there.
type Files = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

pub struct Server {
    pub address: String,
    files: Files,
}

impl Server {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let files = Files::default();
        let shared = Arc::clone(&files);
        // it ends with the process
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let _ = serve(stream, &shared);
            }
        });
        Self { address, files }
    }

    pub fn put(&self, path: &str, bytes: &[u8]) {
        self.files
            .lock()
            .unwrap()
            .insert(path.to_owned(), bytes.to_owned());
    }
}

fn serve(mut stream: TcpStream, files: &Files) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    while lines
        .next()
        .transpose()?
        .is_some_and(|line| !line.is_empty())
    {}
    let path = request.split(' ').nth(1).unwrap_or("").to_owned();
    let files = files.lock().unwrap();
    let (status, body) = match files.get(&path) {
        Some(bytes) => ("200 OK", bytes.clone()),
        None if path.ends_with('/') => {
            let names = files.keys().filter_map(|name| name.strip_prefix(&path));
            let links = names.map(|name| format!("<a href=\"{name}\">{name}</a>\n"));
            let page = format!("<html><body>{}</body></html>", links.collect::<String>());
            ("200 OK", page.into_bytes())
        }
        None => ("404 Not Found", Vec::new()),
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    )?;
    stream.write_all(&body)
}
