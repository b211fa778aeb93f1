//! Adds patches to the text of a recipe: one line more, and every other byte as it was.
//!
//! A list that stands on several lines stays so: what is added goes on a line of its own, behind
//! whatever comment follows the last one.

use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, TableLike, Value};

/// A patch to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPatch {
    /// The file below `patches/`.
    pub file: String,
    /// How many leading components of its names are dropped; 1 is not written.
    pub strip: u32,
}

/// Why a recipe cannot be edited.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    #[error("it is not TOML")]
    NotToml,
    #[error("it has no source number {0}")]
    NoSource(usize),
    #[error("`patches` of source number {0} is no list")]
    NoList(usize),
}

/// The recipe `text` with `patches` at the end of the list of its source `index` (from 0).
///
/// # Errors
/// [`EditError`] where the text is no recipe in TOML with such a source.
pub fn add(text: &str, index: usize, patches: &[NewPatch]) -> Result<String, EditError> {
    let text = without_placeholder(text, index);
    let mut document: DocumentMut = text.parse().map_err(|_| EditError::NotToml)?;
    let table = document
        .get_mut("source")
        .and_then(|source| source_table(source, index))
        .ok_or(EditError::NoSource(index + 1))?;
    if !table.contains_key("patches") {
        table.insert("patches", Item::Value(Value::Array(Array::new())));
    }
    let list = table
        .get_mut("patches")
        .and_then(Item::as_array_mut)
        .ok_or(EditError::NoList(index + 1))?;
    for patch in patches {
        push(list, value(patch));
    }
    Ok(document.to_string())
}

/// What a draft says where the list belongs.
const PLACEHOLDER: &str = "# patches = [\"…\"]";

/// The text with an empty list in the place of a draft's placeholder, which stands below the source's header.
fn without_placeholder(text: &str, index: usize) -> String {
    let mut sources = 0;
    let line = |line: &str| {
        if line.trim_start().starts_with("[[source]]") {
            sources += 1;
        }
        match line.trim_end() == PLACEHOLDER && sources == index + 1 {
            true => line.replace(PLACEHOLDER, "patches = []"),
            false => line.to_owned(),
        }
    };
    let filled: String = text.split_inclusive('\n').map(line).collect();
    // with a list already there would be two
    match filled.parse::<DocumentMut>() {
        Ok(_) => filled,
        Err(_) => text.to_owned(),
    }
}

/// `[[source]]`, or a table in a list.
fn source_table(source: &mut Item, index: usize) -> Option<&mut dyn TableLike> {
    if source.is_array_of_tables() {
        let tables: &mut ArrayOfTables = source.as_array_of_tables_mut()?;
        return tables
            .get_mut(index)
            .map(|table| table as &mut dyn TableLike);
    }
    let table = source.as_array_mut()?.get_mut(index)?;
    table
        .as_inline_table_mut()
        .map(|table| table as &mut dyn TableLike)
}

fn value(patch: &NewPatch) -> Value {
    if patch.strip == 1 {
        return Value::from(patch.file.as_str());
    }
    let mut table = InlineTable::new();
    table.insert("file", patch.file.as_str().into());
    table.insert("strip", i64::from(patch.strip).into());
    Value::InlineTable(table)
}

fn push(list: &mut Array, mut value: Value) {
    let raw = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let has_comma = list.trailing_comma();
    let closing = raw(list.trailing().as_str());
    let Some(last) = list.iter_mut().last() else {
        // comments in an empty list stay in front of the first one
        list.set_trailing("");
        let opening = match closing.rfind('\n') {
            Some(_) => format!("{}\n    ", closing.trim_end()),
            None => closing.trim_end().to_owned(),
        };
        let is_lines = opening.contains('\n');
        value.decor_mut().set_prefix(opening);
        list.push_formatted(value);
        if is_lines {
            list.set_trailing_comma(true);
            list.set_trailing("\n");
        }
        return;
    };
    let prefix = raw(last.decor().prefix().and_then(|raw| raw.as_str()));
    let suffix = raw(last.decor().suffix().and_then(|raw| raw.as_str()));
    let between = if has_comma { closing } else { suffix };
    let Some(end) = between.rfind('\n') else {
        if !has_comma {
            // the blank before the bracket
            last.decor_mut().set_suffix("");
            value.decor_mut().set_suffix(&between);
        }
        value.decor_mut().set_prefix(" ");
        list.push_formatted(value);
        return;
    };
    last.decor_mut().set_suffix("");
    let indent = match prefix.rfind('\n') {
        Some(newline) => prefix.get(newline + 1..).unwrap_or_default(),
        None => "    ",
    };
    let (before, after) = between.split_at(end);
    value.decor_mut().set_prefix(format!("{before}\n{indent}"));
    list.push_formatted(value);
    list.set_trailing_comma(true);
    list.set_trailing(after);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(list: &str) -> String {
        let text = format!(
            "# top\n[[source]] # one\nurls = [ 'u' ]\n{list}\n\n[build]\nsystem='make' # end\n"
        );
        let patch = |file: &str, strip| NewPatch {
            file: file.to_owned(),
            strip,
        };
        let edited = add(&text, 0, &[patch("r/x.patch", 1), patch("r/y.patch", 0)]).unwrap();
        let (start, rest) = edited.split_once("[ 'u' ]\n").unwrap();
        assert_eq!(start, "# top\n[[source]] # one\nurls = ");
        let (list, end) = rest.split_once("\n\n[build]").unwrap();
        assert_eq!(end, "\nsystem='make' # end\n");
        list.to_owned()
    }

    const Y: &str = "{ file = \"r/y.patch\", strip = 0 }";

    #[test]
    fn a_list_on_one_line_stays_on_it() {
        assert_eq!(
            added("patches = [\"a.patch\"] # why"),
            format!("patches = [\"a.patch\", \"r/x.patch\", {Y}] # why")
        );
        assert_eq!(
            added("patches=[ 'a.patch' ]"),
            format!("patches=[ 'a.patch', \"r/x.patch\", {Y} ]")
        );
        assert_eq!(
            added("patches = []"),
            format!("patches = [\"r/x.patch\", {Y}]")
        );
        assert_eq!(
            added("sha256 = \"\""),
            format!("sha256 = \"\"\npatches = [\"r/x.patch\", {Y}]")
        );
    }

    #[test]
    fn a_list_on_several_lines_gets_lines_of_its_own() {
        assert_eq!(
            added("patches = [\n  # first\n  \"a.patch\", # why\n  # the end\n]"),
            format!(
                "patches = [\n  # first\n  \"a.patch\", # why\n  # the end\n  \"r/x.patch\",\n  {Y},\n]"
            )
        );
        assert_eq!(
            added("patches = [\n  \"a.patch\" # why\n]"),
            format!("patches = [\n  \"a.patch\", # why\n  \"r/x.patch\",\n  {Y},\n]")
        );
    }

    #[test]
    fn the_placeholder_of_a_draft_becomes_the_list() {
        let patch = NewPatch {
            file: "r/x.patch".to_owned(),
            strip: 1,
        };
        let text = |first: &str, second: &str| {
            format!("[[source]]\nsize = 1\n# why\n{first}\n\n[[source]]\n{second}\n\n[build]\n")
        };
        let list = "patches = [\"r/x.patch\"]";
        for (index, wanted) in [(0, text(list, PLACEHOLDER)), (1, text(PLACEHOLDER, list))] {
            let edited = add(
                &text(PLACEHOLDER, PLACEHOLDER),
                index,
                std::slice::from_ref(&patch),
            );
            assert_eq!(edited, Ok(wanted));
        }
        // whoever wrote a list below it keeps the comment
        let both = format!("{PLACEHOLDER}\npatches = []");
        let wanted = format!("{PLACEHOLDER}\n{list}");
        let edited = add(&text(&both, ""), 0, &[patch]);
        assert_eq!(edited, Ok(text(&wanted, "")));
    }

    #[test]
    fn what_is_no_such_recipe_is_refused() {
        let patches = [];
        assert_eq!(add("{}", 0, &patches), Err(EditError::NotToml));
        assert_eq!(add("a = 1", 0, &patches), Err(EditError::NoSource(1)));
        assert_eq!(
            add("[[source]]\n", 1, &patches),
            Err(EditError::NoSource(2))
        );
        let no_list = "[[source]]\npatches = 1\n";
        assert_eq!(add(no_list, 0, &patches), Err(EditError::NoList(1)));
    }
}
