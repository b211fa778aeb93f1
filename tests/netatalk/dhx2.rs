//! DHX2, the login that a Mac uses: the password goes over the line under a key that both sides make
//! for this once (Diffie-Hellman, MD5, CAST-128).
//!
//! Order and sizes of the fields as netatalk 4.2.3 reads and writes them (`etc/uams/uams_dhx2_pam.c`).

use std::fs::File;
use std::io::Read;

use cast5::Cast5;
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockDecryptMut, BlockEncryptMut, KeyIvInit};
use md5::{Digest, Md5};
use num_bigint::BigUint;

/// What the client's and the server's texts begin with, in place of a random block.
const CLIENT_FIRST: &[u8; 8] = b"LWallace";
const SERVER_FIRST: &[u8; 8] = b"CJalbert";

/// Of either side's number for this login, in bytes.
const NONCE: usize = 16;

/// A password fills so many bytes, with zeros at its end.
const PASSWORD: usize = 256;

/// A login after the server's first answer.
pub struct Login {
    session: [u8; 2],
    key: [u8; 16],
    public: Vec<u8>,
    nonce: [u8; NONCE],
}

impl Login {
    /// The server said: session, generator, length of the large numbers, prime, its public number.
    pub fn begin(said: &[u8]) -> Self {
        let length = usize::from(u16::from_be_bytes([said[6], said[7]]));
        let number = |at: usize, length: usize| BigUint::from_bytes_be(&said[at..at + length]);
        let (generator, prime, theirs) =
            (number(2, 4), number(8, length), number(8 + length, length));
        let secret = BigUint::from_bytes_be(&random::<32>());
        let filled = |number: BigUint| {
            let bytes = number.to_bytes_be();
            [vec![0; length - bytes.len()], bytes].concat()
        };
        let shared = filled(theirs.modpow(&secret, &prime));
        Self {
            session: [said[0], said[1]],
            key: Md5::digest(shared).into(),
            public: filled(generator.modpow(&secret, &prime)),
            nonce: random(),
        }
    }

    /// The client's public number, and its nonce under the key.
    pub fn first(&self) -> Vec<u8> {
        let nonce = self.encrypted(&self.nonce);
        [&self.session[..], &self.public, &nonce].concat()
    }

    /// The server proves that it has the key, by the nonce and one, and sends its own: that and one goes
    /// back, with the password.
    pub fn second(&self, said: &[u8], password: &str) -> Vec<u8> {
        let key = self.key.into();
        let plain = cbc::Decryptor::<Cast5>::new(&key, SERVER_FIRST.into())
            .decrypt_padded_vec_mut::<NoPadding>(&said[2..])
            .unwrap();
        let (ours, theirs) = plain.split_at(NONCE);
        assert_eq!(ours, and_one(&self.nonce), "the server has another key");
        let mut text = and_one(theirs);
        text.extend(password.as_bytes());
        text.resize(NONCE + PASSWORD, 0);
        [&said[..2], &self.encrypted(&text)].concat()
    }

    fn encrypted(&self, text: &[u8]) -> Vec<u8> {
        cbc::Encryptor::<Cast5>::new(&self.key.into(), CLIENT_FIRST.into())
            .encrypt_padded_vec_mut::<NoPadding>(text)
    }
}

fn random<const LENGTH: usize>() -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    let mut source = File::open("/dev/urandom").unwrap();
    source.read_exact(&mut bytes).unwrap();
    bytes
}

/// A number of many bytes, and one.
fn and_one(number: &[u8]) -> Vec<u8> {
    let mut bytes = (BigUint::from_bytes_be(number) + 1_u8).to_bytes_be();
    while bytes.len() < number.len() {
        bytes.insert(0, 0);
    }
    // all ones and one is all zeros
    bytes.split_off(bytes.len() - number.len())
}
