//! The table of cases, and random ones.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use caps::{CapSet, Capability, FileCaps, LibcapText};

/// `cases.toml`.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    pub case: Vec<Case>,
    pub oci: Vec<OciCase>,
    pub published: Vec<Published>,
    pub file: Vec<File>,
}

/// A container.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Case {
    pub name: String,
    pub says: String,
    pub add: Option<Vec<String>>,
    pub drop: Option<Vec<String>>,
    #[serde(default)]
    pub privileged: bool,
    #[serde(default)]
    pub no_new_privs: bool,
    #[serde(default)]
    pub user: User,
    pub file: Option<String>,
}

/// The five lists of an OCI configuration.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OciCase {
    pub name: String,
    pub says: String,
    #[serde(flatten)]
    pub lists: Lists,
    #[serde(default)]
    pub no_new_privs: bool,
    #[serde(default)]
    pub user: User,
    pub file: Option<String>,
}

/// Names verbatim.
#[derive(Debug, Clone, Default, serde::Deserialize, serde::Serialize)]
#[serde(default)]
pub struct Lists {
    pub bounding: Vec<String>,
    pub permitted: Vec<String>,
    pub effective: Vec<String>,
    pub inheritable: Vec<String>,
    pub ambient: Vec<String>,
}

/// A case of CRI-O's own tests.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    pub name: String,
    #[serde(default)]
    pub add: Vec<String>,
    #[serde(default)]
    pub drop: Vec<String>,
    /// The configured default, where it is not the compiled-in one.
    pub server: Option<CapSet>,
    /// What comes out; refused if there is none.
    pub result: Option<Vec<String>>,
}

/// An entrypoint that is not plain.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct File {
    pub name: String,
    pub caps: Option<String>,
    #[serde(default)]
    pub set_uid: bool,
}

/// As whom a container is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
pub enum User {
    #[default]
    #[serde(rename = "0")]
    Root,
    #[serde(rename = "1000")]
    NonRoot,
    /// Nobody says: the image does.
    #[serde(rename = "image")]
    Image,
}

/// The image that a container is made from, by its `USER`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Image {
    Root,
    User,
}

impl User {
    /// The uid that is asked for.
    pub fn uid(self) -> Option<u32> {
        match self {
            User::Root => Some(0),
            User::NonRoot => Some(1000),
            User::Image => None,
        }
    }

    /// The images that such a case is run with.
    pub fn images(self) -> &'static [Image] {
        if self == User::Image { &[Image::Root, Image::User] } else { &[Image::Root] }
    }

    /// Whether the process is root, in that image.
    pub fn is_root(self, image: Image) -> bool {
        self == User::Root || self == User::Image && image == Image::Root
    }
}

impl File {
    /// What `setcap` would write.
    pub fn caps(&self) -> Option<FileCaps> {
        Some(self.caps.as_ref()?.parse::<LibcapText>().unwrap().to_file_caps().unwrap())
    }
}

/// The table.
pub fn table() -> &'static Table {
    static TABLE: LazyLock<Table> =
        LazyLock::new(|| toml::from_str(include_str!("cases.toml")).unwrap());
    &TABLE
}

/// What the entrypoint's file has; `None` for a plain one.
pub fn file(name: Option<&str>) -> Option<&'static File> {
    name.map(|name| table().file.iter().find(|file| file.name == name).unwrap())
}

/// The path of the entrypoint in the images.
pub fn entrypoint(file: Option<&str>) -> String {
    format!("/bin/{}", file.unwrap_or("status"))
}

/// Random cases, the same every time: few words, so that the lists meet.
pub fn random(count: usize) -> Vec<Case> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = move |limit: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % limit
    };
    let mut word = move || {
        let name = Capability::known().nth(below(41) as usize).unwrap().to_string();
        match below(12) {
            0 => "ALL".to_owned(),
            1 => "all".to_owned(),
            2 => name.to_lowercase(),
            3 => format!("CAP_{name}"),
            4 if below(3) == 0 => ["NET_RAWW", "*", "CAP_ALL", "7"][below(4) as usize].to_owned(),
            _ => name,
        }
    };
    let cases = (0..count).map(|index| {
        let mut list = |length: usize| (0..length).map(|_| word()).collect();
        Case {
            name: format!("random-{index}"),
            add: Some(list(index % 4)),
            drop: Some(list(index / 4 % 4)),
            privileged: index % 11 == 3,
            no_new_privs: index % 3 == 1,
            user: if index % 2 == 0 { User::NonRoot } else { User::Root },
            ..Case::default()
        }
    });
    cases.collect()
}

/// Every case of the table, and random ones.
pub fn all(random_cases: usize) -> Vec<Case> {
    table().case.iter().cloned().chain(random(random_cases)).collect()
}

#[test]
fn the_table_says_what_it_has_to() {
    let Table { case, oci, published, file } = table();
    assert!(case.len() >= 60, "{}", case.len());
    let names = case.iter().map(|case| &case.name).chain(oci.iter().map(|case| &case.name));
    let names: BTreeSet<&String> = names.collect();
    assert_eq!(names.len(), case.len() + oci.len(), "each has a name of its own");
    let says = case.iter().map(|case| &case.says).chain(oci.iter().map(|case| &case.says));
    assert_eq!(says.filter(|says| !says.ends_with('.')).count(), 0);
    let used: BTreeSet<&String> = case.iter().filter_map(|case| case.file.as_ref()).collect();
    assert_eq!(used, file.iter().map(|file| &file.name).collect());
    assert_eq!(published.len(), 7);
    assert_eq!(random(3).last().unwrap().add, random(9)[2].add);
}
