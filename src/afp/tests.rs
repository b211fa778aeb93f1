//! Replies laid out as netatalk's `status.c` lays them out, and everything that can be cut off or
//! bent in them.

use super::*;

/// A reply with the parts in netatalk's order.
fn reply(name: &str, flags: u16, addresses: &[u8], utf8_name: &str) -> Vec<u8> {
    let mut body = vec![0; 8];
    body.extend(flags.to_be_bytes());
    let string = |body: &mut Vec<u8>, text: &str| {
        body.push(text.len() as u8);
        body.extend(text.as_bytes());
    };
    string(&mut body, name);
    if body.len() % 2 == 1 {
        body.push(0);
    }
    let offsets = body.len();
    body.extend([0; 8]);
    let mark = |body: &mut Vec<u8>, at: usize| {
        let here = (body.len() as u16).to_be_bytes();
        body[at..at + 2].copy_from_slice(&here);
    };
    mark(&mut body, 0);
    string(&mut body, "Netatalk4.2.3");
    mark(&mut body, 2);
    body.push(2);
    string(&mut body, "AFP3.3");
    string(&mut body, "AFP3.4");
    mark(&mut body, 4);
    body.push(1);
    string(&mut body, "DHX2");
    mark(&mut body, 6);
    body.extend([0xaa; 256]);
    mark(&mut body, offsets);
    body.extend(*b"0123456789abcdef");
    mark(&mut body, offsets + 2);
    body.extend(addresses);
    mark(&mut body, offsets + 4);
    body.push(0);
    mark(&mut body, offsets + 6);
    body.extend((utf8_name.len() as u16).to_be_bytes());
    body.extend(utf8_name.as_bytes());
    packet(&body)
}

fn packet(body: &[u8]) -> Vec<u8> {
    let mut packet = vec![1, 3, 0, 1, 0, 0, 0, 0];
    packet.extend((body.len() as u32).to_be_bytes());
    packet.extend([0; 4]);
    packet.extend(body);
    packet
}

const ADDRESSES: &[u8] = &[
    5, // how many
    6, 1, 192, 0, 2, 10, // IP
    8, 2, 192, 0, 2, 11, 2, 37, // IP and port
    20, 7, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 37, // IPv6 and port
    7, 4, b'v', b'a', b'u', b'l', b't', // name
    6, 3, 1, 2, 3, 4, // AppleTalk
];

// recorded from Debian's netatalk 4.2.3~ds-1+deb13u2 (amd64) on Linux, with `server name = café
// vault` and `afp listen = 127.0.0.1`
#[test]
fn the_reply_of_a_real_server_is_read() {
    let reply = include_bytes!("../../tests/data/netatalk-4.2.3-status.bin");
    let (header, rest) = reply.split_first_chunk().unwrap();
    assert_eq!(status_length(header), Ok(rest.len()));
    let status = parse_status(reply).unwrap();
    assert_eq!(status.name(), "cafe\u{301} vault");
    assert_eq!(status.short_name, "caf\u{fffd} vault");
    assert_eq!(status.machine_type, "Netatalk4.2.3");
    assert_eq!(
        status.versions,
        ["AFP2.2", "AFPX03", "AFP3.1", "AFP3.2", "AFP3.3", "AFP3.4"]
    );
    assert_eq!(status.uams, ["DHX2", "DHCAST128"]);
    assert!(status.signature.is_some());
    assert_eq!(
        status.addresses,
        [Address::Ip("127.0.0.1:548".parse().unwrap())]
    );
    assert_eq!(status.flags, 0x8f79);
}

#[test]
fn a_status_is_read_whole() {
    let reply = reply("vault", 0x8b7b, ADDRESSES, "caf\u{e9} vault");
    let status = parse_status(&reply).unwrap();
    assert_eq!(status.name(), "café vault");
    assert_eq!(status.short_name, "vault");
    assert_eq!(status.machine_type, "Netatalk4.2.3");
    assert_eq!(status.versions, ["AFP3.3", "AFP3.4"]);
    assert_eq!(status.uams, ["DHX2"]);
    assert_eq!(status.signature.as_ref(), Some(b"0123456789abcdef"));
    assert_eq!(
        status.addresses,
        [
            Address::Ip("192.0.2.10:548".parse().unwrap()),
            Address::Ip("192.0.2.11:549".parse().unwrap()),
            Address::Ip("[2001:db8::1]:549".parse().unwrap()),
            Address::Name("vault".to_owned()),
            Address::AppleTalk(0x102, 3, 4),
        ]
    );
    assert_eq!(
        status.flag_names(),
        [
            "copy-file",
            "change-password",
            "server-messages",
            "signature",
            "tcp",
            "notifications",
            "directory-names",
            "utf8-name",
            "extended-sleep",
            "super-client",
        ]
    );
}

#[test]
fn names_of_odd_and_even_length_are_padded_alike() {
    for name in ["", "a", "ab", "abc", "a name of thirty-one characters"] {
        let status = parse_status(&reply(name, 0xffff, &[0], "long")).unwrap();
        assert_eq!((status.short_name.as_str(), status.name()), (name, "long"));
    }
}

#[test]
fn what_the_flags_do_not_announce_is_not_read() {
    let status = parse_status(&reply("old", 0, &[255], "x")).unwrap();
    assert_eq!(status.name(), "old");
    assert_eq!(status.signature, None);
    assert_eq!(status.addresses, []);
    assert_eq!(status.flag_names(), Vec::<&str>::new());
}

#[test]
fn a_server_without_the_later_offsets_is_read_too() {
    // as before AFP 2.2: the machine type follows the name at once
    let mut body = vec![0, 14, 0, 16, 0, 18, 0, 0, 0xff, 0xff, 3, b'o', b'l', b'd'];
    body.extend([1, b'M', 1, 0, 0]);
    let status = parse_status(&packet(&body)).unwrap();
    assert_eq!((status.name(), status.machine_type.as_str()), ("old", "M"));
    assert_eq!(status.versions, [""]);
}

#[test]
fn control_characters_do_not_reach_a_terminal() {
    let status = parse_status(&reply("a\u{1b}[2J", 0xffff, &[0], "b\u{1b}]0;\u{7}")).unwrap();
    assert_eq!(status.short_name, "a\u{fffd}[2J");
    assert_eq!(status.name(), "b\u{fffd}]0;\u{fffd}");
}

#[test]
fn other_answers_are_told_apart() {
    assert_eq!(
        parse_status(b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n"),
        Err(AfpError::NotAfp)
    );
    assert_eq!(parse_status(b""), Err(AfpError::Damaged("header")));
    let mut busy = packet(&[]);
    busy[4..8].copy_from_slice(&(-5001_i32).to_be_bytes());
    assert_eq!(parse_status(&busy), Err(AfpError::Refused(-5001)));
    let mut long = packet(&[]);
    long[8..12].copy_from_slice(&65_537_u32.to_be_bytes());
    assert_eq!(parse_status(&long), Err(AfpError::NotAfp));
}

#[test]
fn every_truncation_is_an_error_and_nothing_panics() {
    let whole = reply("vault", 0xffff, ADDRESSES, "vault");
    for length in 0..whole.len() {
        assert!(parse_status(&whole[..length]).is_err(), "{length}");
        // and with a header that agrees: the end of the last string is missing
        if length > HEADER {
            assert!(
                parse_status(&packet(&whole[HEADER..length])).is_err(),
                "{length}"
            );
        }
    }
    for position in 0..whole.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let mut bent = whole.clone();
            bent[position] = value;
            let _ = parse_status(&bent);
        }
    }
}

#[test]
fn random_bytes_never_panic() {
    // xorshift, so that a failure can be repeated
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for _ in 0..20_000 {
        let length = next() % 200;
        // small offsets, so that many of them point inside
        let body: Vec<u8> = (0..length)
            .map(|i| if i < 8 && i % 2 == 0 { 0 } else { next() as u8 })
            .collect();
        let _ = parse_status(&packet(&body));
        let _ = parse_status(&body);
    }
}
