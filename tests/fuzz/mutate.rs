//! Small changes to an input, the same in every run: a poor man's fuzzer for `cargo test`.
//!
//! Numbers are worth most: a count, a size or a line number that says more than there is.

/// A generator of numbers (xorshift); its seed is never 0.
pub struct Dice(u64);

impl Dice {
    pub fn new(name: &str) -> Self {
        let seed = name.bytes().fold(0xcbf2_9ce4_8422_2325, |sum: u64, byte| {
            (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(seed | 1)
    }

    /// A number below `sides`, 0 where there are none.
    pub fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap_or(0) % sides.max(1)
    }
}

const TOKENS: &[&[u8]] = &[
    b"\0",
    b"\n",
    b"\r\n",
    b"\t",
    b" ",
    b"\"",
    b"'",
    b"\\",
    b"/",
    b"..",
    b"../",
    b"//",
    b"-",
    b"=",
    b":",
    b";",
    b"#",
    b"@",
    b"%",
    b"*",
    b"!",
    b"{{",
    b"}}",
    b"{",
    b"}",
    b"[",
    b"]",
    b"(",
    b",",
    b"$",
    b"`",
    b"\x1b[2J",
    b"\xff",
    b"\xc3\xa9",
    b"\xe2\x80\xae",
    b"\xf0\x9f\x8d\x8e",
    b"true",
    b"null",
    b"[[",
    b"@@ -",
    b"--- ",
    b"+++ ",
    b"== ",
    b"\xff\xff\xff\xff",
];

const NUMBERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "255",
    "65536",
    "2147483647",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "18446744073709551615",
    "99999999999999999999999999",
];

/// The longest input: a parser that is slow on longer ones is found by its own tests.
const LONGEST: usize = 1 << 16;

/// An input made from one or two of `seeds`.
pub fn mutated(dice: &mut Dice, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut data = pick(dice, seeds).unwrap_or_default();
    for _ in 0..=dice.below(4) {
        let (from, to) = range(dice, data.len());
        match dice.below(8) {
            0 => flip(dice, &mut data),
            1 => drop(data.drain(from..to)),
            2 => insert(&mut data, from, TOKENS[dice.below(TOKENS.len())]),
            3 => {
                let piece = data[from..to].to_vec();
                insert(&mut data, from, &piece);
            }
            4 => {
                let piece = pick(dice, seeds).unwrap_or_default();
                let (start, end) = range(dice, piece.len());
                insert(&mut data, from, &piece[start..end]);
            }
            5 => number(dice, &mut data),
            6 => data.truncate(to),
            _ => {
                let piece = data[from..to].repeat(1 + dice.below(40));
                insert(&mut data, to, &piece);
            }
        }
    }
    data.truncate(LONGEST);
    data
}

fn pick(dice: &mut Dice, seeds: &[Vec<u8>]) -> Option<Vec<u8>> {
    seeds.get(dice.below(seeds.len())).cloned()
}

fn range(dice: &mut Dice, length: usize) -> (usize, usize) {
    let from = dice.below(length + 1);
    let most = if dice.below(3) == 0 { length } else { 16 };
    (from, (from + dice.below(most + 1)).min(length))
}

fn insert(data: &mut Vec<u8>, at: usize, piece: &[u8]) {
    data.splice(at..at, piece.iter().copied());
}

fn flip(dice: &mut Dice, data: &mut [u8]) {
    let at = dice.below(data.len());
    let bit = 1 << dice.below(8);
    if let Some(byte) = data.get_mut(at) {
        *byte ^= bit;
    }
}

/// Puts another number where one stands.
fn number(dice: &mut Dice, data: &mut Vec<u8>) {
    let start = dice.below(data.len());
    let digits = |from: usize, wanted: bool| {
        let rest = data.get(from..).unwrap_or_default();
        let found = rest.iter().position(|byte| byte.is_ascii_digit() == wanted);
        found.map_or(data.len(), |at| from + at)
    };
    let from = digits(start, true);
    let to = digits(from, false);
    let other = NUMBERS[dice.below(NUMBERS.len())];
    data.splice(from..to, other.bytes());
}
