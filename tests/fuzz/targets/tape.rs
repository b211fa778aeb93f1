//! Makes the checksums of a tar stream right again, so that a changed header is read at all.

const BLOCK: usize = 512;

/// The stream with right checksums, as far as its headers can be followed.
pub fn repaired(data: &[u8]) -> Vec<u8> {
    let mut tape = data.to_vec();
    let mut at = 0;
    while let Some(header) = tape.get_mut(at..at + BLOCK) {
        if header.iter().all(|byte| *byte == 0) {
            break;
        }
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let digits = String::from_utf8_lossy(&header[124..136]).into_owned();
        let digits = digits.trim_matches(['\0', ' ']);
        let size = usize::from_str_radix(digits, 8).unwrap_or(0);
        let Some(next) = size
            .checked_next_multiple_of(BLOCK)
            .and_then(|size| at.checked_add(BLOCK + size))
        else {
            break;
        };
        at = next;
    }
    tape
}
