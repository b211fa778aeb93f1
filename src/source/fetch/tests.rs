use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use tempfile::TempDir;

use super::*;
use crate::recipe::model::DebianSource;

/// What the server does with one request; `Whole` and the rest are answers to a whole file of
/// `BODY`.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Answer {
    /// The file, or the part of it that was asked for.
    Whole,
    /// The file, with other bytes.
    Wrong,
    /// The header, and this many bytes of the file, then the connection ends.
    Cut(usize),
    /// The header and nothing more, for a while.
    Silent,
    /// Another range than asked for.
    WrongRange,
    /// A status without a body.
    Status(u16),
    Html,
    /// The file without saying how long it is.
    Unsized,
}

const BODY: &[u8] = b"0123456789abcdefghij";

/// A server that answers its requests one after the other as told, the last answer for ever.
struct Server {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(answers: &[Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (log, answers) = (Arc::clone(&requests), answers.to_vec());
        thread::spawn(move || {
            for (index, stream) in listener.incoming().enumerate() {
                let answer = answers[index.min(answers.len() - 1)];
                let log = Arc::clone(&log);
                thread::spawn(move || serve(&stream.unwrap(), answer, &log));
            }
        });
        Self { address, requests }
    }

    fn url(&self) -> String {
        format!("http://user:secret@{}/pub/x-1.tar.gz", self.address)
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(stream: &TcpStream, answer: Answer, log: &Mutex<Vec<String>>) {
    let mut request = String::new();
    for line in BufReader::new(stream).lines() {
        let line = line.unwrap_or_default().to_lowercase();
        if line.is_empty() {
            break;
        }
        request += &(line + "\n");
    }
    let range = request
        .lines()
        .find_map(|line| line.strip_prefix("range: bytes="));
    let start: usize = range.map_or(0, |range| range.trim_end_matches('-').parse().unwrap());
    log.lock().unwrap().push(request.clone());
    let mut stream = stream;
    let mut say = |status: &str, headers: &str, body: &[u8]| {
        let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\n{headers}\r\n");
        let _ = stream.write_all(head.as_bytes());
        let _ = stream.write_all(body);
    };
    let rest = &BODY[start..];
    let sized = format!("etag: \"v1\"\r\ncontent-length: {}\r\n", rest.len());
    let ranged = format!("{sized}content-range: bytes {start}-19/20\r\n");
    match answer {
        Answer::Whole if start > 0 => say("206 Partial Content", &ranged, rest),
        Answer::WrongRange => {
            let other = format!("{sized}content-range: bytes 0-19/20\r\n");
            say("206 Partial Content", &other, rest);
        }
        Answer::Whole => say("200 OK", &sized, rest),
        Answer::Wrong => say("200 OK", "content-length: 20\r\n", b"XXXXXXXXXXXXXXXXXXXX"),
        Answer::Cut(count) if start > 0 => say("206 Partial Content", &ranged, &rest[..count]),
        Answer::Cut(count) => say("200 OK", &sized, &rest[..count]),
        Answer::Silent => {
            say("200 OK", &sized, b"01");
            thread::sleep(Duration::from_secs(2));
        }
        Answer::Status(status) => say(&format!("{status} X"), "content-length: 0\r\n", b""),
        Answer::Html => say("200 OK", "content-length: 20\r\n", b"<!DOCTYPE html><html"),
        Answer::Unsized => say("200 OK", "", BODY),
    }
}

struct Setting {
    folder: TempDir,
    cache: Cache,
}

const QUICK: Patience = Patience {
    connect: Duration::from_secs(5),
    silence: Duration::from_millis(300),
    tries: 3,
    pause: Duration::from_millis(1),
};

impl Setting {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let cache = Cache::open(&folder.path().join("cache")).unwrap();
        Self { folder, cache }
    }

    fn fetch(&self, source: &Source) -> (Result<Fetched, FetchError>, Vec<String>) {
        let distfiles = [self.folder.path().join("distfiles")];
        let mut events = Vec::new();
        let fetcher = Fetcher::new(&self.cache, &distfiles, QUICK);
        let result = fetcher.fetch(source, &mut |event| events.push(format!("{event:?}")));
        (result, events)
    }
}

fn source(urls: &[String]) -> Source {
    let sha256 = Some(digest_of(str::from_utf8(BODY).unwrap()));
    Source {
        urls: urls.to_vec(),
        sha256,
        ..Source::default()
    }
}

#[test]
fn what_a_server_does_wrong_is_retried_or_given_up_with_a_reason() {
    use Answer::{Cut, Html, Silent, Status, Unsized, Whole, Wrong, WrongRange};
    // Answers, the reason it is given up for, and how many requests it takes.
    let table: &[(&[Answer], Option<&str>, usize)] = &[
        (&[Whole], None, 1),
        (&[Unsized], None, 1),
        (&[Status(503), Status(500), Whole], None, 3),
        (
            &[Status(503)],
            Some("the server answered 503 (service unavailable)"),
            3,
        ),
        (
            &[Status(404), Whole],
            Some("the server answered 404 (not found)"),
            1,
        ),
        (
            &[Status(403), Whole],
            Some("the server answered 403 (forbidden)"),
            1,
        ),
        (&[Cut(7), Whole], None, 2),
        (&[Cut(7), Cut(3), Whole], None, 3),
        (&[Cut(7), WrongRange, Whole], None, 3),
        (&[Cut(7), Status(416), Whole], None, 3),
        (
            &[Cut(0)],
            Some("the connection ended after 0 of 20 bytes"),
            3,
        ),
        (&[Silent, Whole], None, 2),
        (&[Silent], Some("the server fell silent after 2 bytes"), 3),
        (
            &[Html, Whole],
            Some("the server sent an HTML page instead of an archive"),
            1,
        ),
        (&[Wrong, Whole], Some("its sha256 is a3a3"), 1),
    ];
    for (answers, wanted, requests) in table {
        let (setting, server) = (Setting::new(), Server::start(answers));
        let (result, events) = setting.fetch(&source(&[server.url()]));
        let log = server.requests();
        match (wanted, result) {
            (None, Ok(fetched)) => {
                assert_eq!(fs::read(&fetched.path).unwrap(), BODY, "{answers:?}");
                assert!(fetched.verified && fetched.size == 20, "{fetched:?}");
                assert!(
                    !format!("{fetched:?}{events:?}").contains("secret"),
                    "{events:?}"
                );
            }
            (Some(wanted), Err(FetchError::Failed { attempts, .. })) => {
                let reason = &attempts[0].reason;
                let known = wanted.replace("a3a3", &digest_of(&"X".repeat(20)));
                assert!(reason.contains(&known), "{answers:?}: {reason}");
                assert!(
                    attempts[0].from.starts_with("http://127.0.0.1:"),
                    "{attempts:?}"
                );
            }
            (_, result) => panic!("{answers:?}: {result:?} {events:?}"),
        }
        assert_eq!(log.len(), *requests, "{answers:?}: {log:?}");
    }
}

#[test]
fn a_part_is_gone_on_with_by_the_next_run_but_only_from_the_same_url() {
    let (setting, server) = (
        Setting::new(),
        Server::start(&[Answer::Cut(7), Answer::Cut(0)]),
    );
    assert!(setting.fetch(&source(&[server.url()])).0.is_err());
    let other = Server::start(&[Answer::Whole]);
    let again = setting.fetch(&source(&[server.url(), other.url()]));
    assert!(again.0.is_ok(), "{again:?}");
    let asked = server.requests();
    assert!(asked[1].contains("range: bytes=7-\n") && asked[1].contains("if-range: \"v1\"\n"));
    assert!(
        asked[3].contains("range: bytes=7-\n"),
        "the next run began afresh"
    );
    assert!(
        !other.requests()[0].contains("range:"),
        "two servers' pieces were mixed"
    );
}

#[test]
fn the_next_mirror_is_tried_and_what_was_wrong_is_kept_and_shown() {
    let setting = Setting::new();
    let (bad, gone) = (
        Server::start(&[Answer::Wrong]),
        Server::start(&[Answer::Status(404)]),
    );
    let good = Server::start(&[Answer::Whole]);
    let (result, events) = setting.fetch(&source(&[bad.url(), gone.url(), good.url()]));
    assert_eq!(result.unwrap().from, shown(&good.url()));
    assert_eq!(
        events
            .iter()
            .filter(|event| event.contains("GaveUp"))
            .count(),
        2,
        "{events:?}"
    );

    let setting = Setting::new();
    let error = setting
        .fetch(&source(&[bad.url(), gone.url()]))
        .0
        .unwrap_err()
        .to_string();
    let found = digest_of(&"X".repeat(20));
    let rejected = setting.folder.path().join("cache/rejected");
    let kept = rejected.join(format!("{}-x-1.tar.gz", &found[..12]));
    assert_eq!(fs::read(&kept).unwrap(), b"X".repeat(20));
    let wanted = digest_of(str::from_utf8(BODY).unwrap());
    assert_eq!(
        error,
        format!(
            "cannot fetch `x-1.tar.gz`\n  {}: its sha256 is {found}, the recipe wants {wanted}; \
             what came is kept as `{}`\n  {}: the server answered 404 (not found)",
            shown(&bad.url()),
            kept.display(),
            shown(&gone.url()),
        )
    );
}

#[test]
fn a_size_that_the_recipe_does_not_name_is_not_fetched() {
    for (size, answer, wanted) in [
        (20, Answer::Whole, None),
        (
            19,
            Answer::Whole,
            Some("the server has 20 bytes, the recipe says 19"),
        ),
        (
            21,
            Answer::Whole,
            Some("the server has 20 bytes, the recipe says 21"),
        ),
        (20, Answer::Unsized, None),
        (
            19,
            Answer::Unsized,
            Some("the server sends more than 19 bytes"),
        ),
        (
            21,
            Answer::Unsized,
            Some("the connection ended after 20 of 21 bytes"),
        ),
    ] {
        let (setting, server) = (Setting::new(), Server::start(&[answer]));
        let wants = Source {
            size: Some(size),
            ..source(&[server.url()])
        };
        let result = setting.fetch(&wants).0.map_err(|error| error.to_string());
        match wanted {
            None => assert!(result.is_ok(), "{result:?}"),
            Some(wanted) => assert!(result.clone().unwrap_err().contains(wanted), "{result:?}"),
        }
    }
}

#[test]
fn a_file_that_is_here_has_the_size_that_the_recipe_names_or_is_not_handed_out() {
    let (setting, server) = (Setting::new(), Server::start(&[Answer::Whole]));
    let good = source(&[server.url()]);
    assert!(setting.fetch(&good).0.is_ok());
    let folder = setting.folder.path().join("distfiles");
    for place in ["the cache", "a folder"] {
        for (size, is_right) in [(19, false), (20, true), (21, false)] {
            let wants = Source {
                size: Some(size),
                ..good.clone()
            };
            match setting.fetch(&wants).0 {
                Ok(_) => assert!(is_right, "{place}: {size}"),
                Err(error) => {
                    assert!(!is_right, "{place}: {size}: {error}");
                    let says = format!("`x-1.tar.gz` has 20 bytes, the recipe says {size}");
                    assert_eq!(error.to_string(), says);
                    assert_eq!(error.belies(), Some("size"));
                    assert_eq!(error.help(), "write `size = 20`, or leave it out");
                }
            }
        }
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("x-1.tar.gz"), BODY).unwrap();
    }
}

#[test]
fn nothing_is_asked_of_the_network_for_what_is_there() {
    let (setting, server) = (Setting::new(), Server::start(&[Answer::Whole]));
    let wants = source(&[server.url()]);
    assert!(setting.fetch(&wants).0.is_ok());
    let again = setting.fetch(&wants).0.unwrap();
    assert_eq!(
        (again.from.as_str(), server.requests().len()),
        ("the cache", 1)
    );

    let setting = Setting::new();
    let folder = setting.folder.path().join("distfiles");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("x-1.tar.gz"), BODY).unwrap();
    let own = setting.fetch(&wants).0.unwrap();
    assert_eq!(
        (own.path, server.requests().len()),
        (folder.join("x-1.tar.gz"), 1)
    );

    fs::write(folder.join("x-1.tar.gz"), "other").unwrap();
    let down = source(&["http://127.0.0.1:1/x-1.tar.gz".to_owned()]);
    let error = setting.fetch(&down).0.unwrap_err().to_string();
    assert!(
        error.contains("distfiles/x-1.tar.gz: its sha256 is "),
        "{error}"
    );
    assert!(
        error.contains("http://127.0.0.1:1/x-1.tar.gz: the connection was refused"),
        "{error}"
    );
}

#[test]
fn a_source_without_a_checksum_must_say_why() {
    let server = Server::start(&[Answer::Whole]);
    let setting = Setting::new();
    let mut wants = Source {
        sha256: None,
        ..source(&[server.url()])
    };
    assert!(matches!(
        setting.fetch(&wants).0,
        Err(FetchError::NoChecksum { .. })
    ));
    wants.unverified = Some("upstream publishes none".into());
    let fetched = setting.fetch(&wants).0.unwrap();
    assert!(!fetched.verified);
    assert_eq!(fetched.sha256, digest_of(str::from_utf8(BODY).unwrap()));
    for bad in ["", "abc", &"g".repeat(64), &"a".repeat(65)] {
        wants.sha256 = Some((*bad).to_owned());
        assert!(
            matches!(setting.fetch(&wants).0, Err(FetchError::BadChecksum { .. })),
            "{bad}"
        );
    }
    let upper = Source {
        sha256: Some(fetched.sha256.to_uppercase()),
        ..source(&[server.url()])
    };
    assert!(setting.fetch(&upper).0.is_ok());
}

#[test]
fn many_who_want_the_same_file_fetch_it_once() {
    let (setting, server) = (Setting::new(), Server::start(&[Answer::Whole]));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let fetched = setting.fetch(&source(&[server.url()])).0.unwrap();
                assert_eq!(fs::read(fetched.path).unwrap(), BODY);
            });
        }
    });
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn what_names_no_file_or_another_scheme_is_refused() {
    let setting = Setting::new();
    for urls in [
        &[][..],
        &["http://x.org/".to_owned()],
        &["http://x.org/a/..".to_owned()],
    ] {
        assert!(
            matches!(setting.fetch(&source(urls)).0, Err(FetchError::NoPlace)),
            "{urls:?}"
        );
    }
    let ftp = source(&["ftp://x.org/a.tar".to_owned()]);
    let error = setting.fetch(&ftp).0.unwrap_err().to_string();
    assert!(error.contains("only http and https URLs"), "{error}");
    // It speaks no TLS; that it is asked to proves that https URLs are fetched with it.
    let plain = Server::start(&[Answer::Whole]);
    let https = source(&[plain.url().replace("http://", "https://")]);
    let error = setting.fetch(&https).0.unwrap_err().to_string();
    assert!(
        error.to_lowercase().contains("ssl") && plain.requests().len() < 5,
        "{error}"
    );
    let debian = DebianSource {
        package: "p".into(),
        file: "../x".into(),
        ..Default::default()
    };
    let escapes = Source {
        debian: Some(debian),
        ..source(&[])
    };
    assert!(setting.fetch(&escapes).0.is_err());
}
