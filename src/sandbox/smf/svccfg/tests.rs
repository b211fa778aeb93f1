use super::*;

#[test]
fn the_joined_line_is_cut_at_the_buffers_end() {
    let mut line = "é".repeat(LINE_BYTES);
    truncate(&mut line, LINE_BYTES - 1);
    assert_eq!(line.len(), LINE_BYTES - 2);
    let mut line = "a".repeat(LINE_BYTES);
    truncate(&mut line, LINE_BYTES - 1);
    assert_eq!(line.len(), LINE_BYTES - 1);
    let mut line = "short".to_owned();
    truncate(&mut line, LINE_BYTES - 1);
    assert_eq!(line, "short");
}
