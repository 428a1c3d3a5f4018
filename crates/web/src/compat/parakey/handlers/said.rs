//! Fields that more than one call reads: flags, lines, what is said of a user.

use claviger_domain::noun::person::PersonEdit;
use claviger_domain::noun::role::Role;
use serde_json::Value;

use crate::compat::fields::{Fields, Given, Wrongs};
use crate::compat::parakey::map;

const LINE: &str = "must be one line of at most 200 characters";

fn is_line(text: &str) -> bool {
    claviger_domain::text::is_line(text, 200)
}

/// A text that may be left out or null.
pub(crate) fn optional<'v>(
    fields: &Fields<'v>,
    name: &str,
    wrongs: &mut Wrongs,
) -> Option<&'v str> {
    fields.may_clear(name, wrongs).flatten()
}

/// The same of one line, which null clears.
pub(crate) fn line<'v>(fields: &Fields<'v>, name: &str, wrongs: &mut Wrongs) -> Given<&'v str> {
    let value = fields.may_clear(name, wrongs);
    wrongs.check(value.flatten().is_none_or(is_line), &fields.name(name), LINE);
    value
}

/// What is true or false, or is not said.
pub(crate) fn flag(fields: &Fields<'_>, name: &str, wrongs: &mut Wrongs) -> Option<bool> {
    match fields.get(name)? {
        Value::Bool(value) => return Some(*value),
        Value::Null => {}
        _ => wrongs.add(fields.name(name), "must be true or false"),
    }
    None
}

/// What is said of a user beside who it is.
pub(crate) fn details(user: &Fields<'_>, wrongs: &mut Wrongs) -> PersonEdit {
    let mut text = |name: &str| {
        let value = line(user, name, wrongs).flatten();
        value.map(|it| Some(it.to_owned()))
    };
    let [first_name, last_name, language] = ["firstName", "lastName", "language"].map(&mut text);
    // In another language there are no words: then it is that of the domain.
    let language =
        language.flatten().and_then(|it| map::language(&it)).map(|it| Some(it.to_owned()));
    PersonEdit {
        first_name,
        last_name,
        language,
        tags: tags(user, wrongs),
        role: role(user, wrongs),
        ..PersonEdit::default()
    }
}

/// The tags, where any are said.
pub(crate) fn tags(fields: &Fields<'_>, wrongs: &mut Wrongs) -> Option<Vec<String>> {
    if matches!(fields.get("tags"), None | Some(Value::Null)) {
        return None;
    }
    let tags = fields.texts("tags", wrongs)?;
    let right = tags.iter().all(|(_, tag)| is_line(tag));
    wrongs.check(right, &fields.name("tags"), LINE);
    Some(tags.into_iter().map(|(_, tag)| tag.to_owned()).collect())
}

/// The one role of a list of roles.
pub(crate) fn role(fields: &Fields<'_>, wrongs: &mut Wrongs) -> Option<Role> {
    if matches!(fields.get("roles"), None | Some(Value::Null)) {
        return None;
    }
    let roles = fields.texts("roles", wrongs)?;
    let role = match roles.as_slice() {
        [(_, one)] => map::role_of(one),
        _ => {
            wrongs.add(fields.name("roles"), "must be a list of exactly one role");
            return None;
        }
    };
    let known = "must be guest, appGuestManager, guestManager, installer, administrator or owner";
    wrongs.check(role.is_some(), &fields.name("roles"), known);
    role
}
