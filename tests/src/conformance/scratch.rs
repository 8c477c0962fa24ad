//! The empty directory a case runs in, with the layout that the recordings had.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use fleet_common::value::{Map, Value};

/// A scratch directory laid out for one case; removed when dropped.
pub struct Scratch {
    dir: tempfile::TempDir,
}

impl Scratch {
    /// Makes the directory and writes what the input asks for: `files`, `envs`, `pillar`, `pillar_envs`, `setup`.
    pub fn new(input: &Value) -> Result<Self, String> {
        let dir = tempfile::Builder::new().prefix("case-").tempdir().map_err(|error| error.to_string())?;
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).map_err(|error| error.to_string())?;
        let scratch = Self { dir };
        for fixed in ["srv/salt", "srv/pillar", "cache", "etc-salt", "run", "log"] {
            fs::create_dir_all(scratch.root().join(fixed)).map_err(|error| error.to_string())?;
        }
        let input = scratch.substitute(input);
        if let Some(files) = input.get("files") {
            scratch.write_tree("srv/salt", files)?;
        }
        for (key, base, other) in [("envs", "srv/salt", "srv/"), ("pillar_envs", "srv/pillar", "srv/pillar-")] {
            for (env, tree) in input.get(key).and_then(Value::as_map).into_iter().flatten() {
                let env = env.as_str().unwrap_or("base");
                let folder = if env == "base" { base.to_owned() } else { format!("{other}{env}") };
                scratch.write_tree(&folder, tree)?;
            }
        }
        if let Some(pillar) = input.get("pillar") {
            scratch.write_tree(
                "srv/pillar",
                &Value::Map([("top.sls", "base:\n  '*':\n    - data\n")].into_iter().collect()),
            )?;
            // JSON is YAML enough for data.
            let text = serde_json::to_string(pillar).map_err(|error| error.to_string())?;
            fs::write(scratch.root().join("srv/pillar/data.sls"), format!("#!json\n{text}\n"))
                .map_err(|error| error.to_string())?;
        }
        if let Some(setup) = input.get("setup") {
            scratch.write_tree("", setup)?;
        }
        Ok(scratch)
    }

    /// The directory that `${ROOT}` stands for.
    pub fn root(&self) -> &Path {
        self.dir.path()
    }

    /// `file_roots` or `pillar_roots` as environment -> directory, for the environments of the input.
    pub fn roots(&self, input: &Value, key: &str) -> Vec<(String, PathBuf)> {
        let (base, other) = if key == "envs" { ("srv/salt", "srv/") } else { ("srv/pillar", "srv/pillar-") };
        let mut roots = vec![("base".to_owned(), self.root().join(base))];
        for (env, _) in input.get(key).and_then(Value::as_map).into_iter().flatten() {
            if let Some(env) = env.as_str().filter(|env| *env != "base") {
                roots.push((env.to_owned(), self.root().join(format!("{other}{env}"))));
            }
        }
        roots
    }

    /// Puts the real path in the place of `${ROOT}`, in keys and texts.
    pub fn substitute(&self, value: &Value) -> Value {
        replace(value, "${ROOT}", &self.root().to_string_lossy())
    }

    /// Puts `${ROOT}` in the place of the real path.
    pub fn mask(&self, value: &Value) -> Value {
        replace(value, &self.root().to_string_lossy(), "${ROOT}")
    }

    /// Everything below the root that a case may have made, as `expected.tree` records it.
    pub fn tree(&self) -> Result<Value, String> {
        let mut out = Map::new();
        self.collect(self.root(), "", &mut out).map_err(|error| error.to_string())?;
        Ok(Value::Map(out))
    }

    fn collect(&self, dir: &Path, prefix: &str, out: &mut Map) -> std::io::Result<()> {
        let mut entries: Vec<_> = fs::read_dir(dir)?.collect::<Result<_, _>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name().to_string_lossy().into_owned();
            if prefix.is_empty() && ["srv", "cache", "etc-salt", "run", "log"].contains(&name.as_str()) {
                continue;
            }
            let path = entry.path();
            let meta = fs::symlink_metadata(&path)?;
            let mut facts = Map::new();
            let kind = meta.file_type();
            if kind.is_symlink() {
                facts.insert("type", "link");
                facts.insert(
                    "target",
                    fs::read_link(&path)?.to_string_lossy().replace(&*self.root().to_string_lossy(), "${ROOT}"),
                );
            } else {
                facts.insert("type", if kind.is_dir() { "dir" } else { "file" });
                facts.insert("mode", format!("{:04o}", meta.mode() & 0o7777));
            }
            if kind.is_file() {
                match String::from_utf8(fs::read(&path)?) {
                    Ok(text) => facts.insert("content", text.replace(&*self.root().to_string_lossy(), "${ROOT}")),
                    Err(bytes) => facts.insert("b64", encode_base64(bytes.as_bytes())),
                };
            }
            if (meta.uid(), meta.gid()) != (0, 0) {
                facts.insert("owner", format!("{}:{}", meta.uid(), meta.gid()));
            }
            let shown = format!("{prefix}{name}");
            out.insert(shown.as_str(), facts);
            if kind.is_dir() {
                self.collect(&path, &format!("{shown}/"), out)?;
            }
        }
        Ok(())
    }

    fn write_tree(&self, folder: &str, tree: &Value) -> Result<(), String> {
        for (path, file) in tree.as_map().into_iter().flatten() {
            let path = path.as_str().unwrap_or("");
            let path = self.root().join(folder).join(
                path.trim_start_matches('/')
                    .trim_start_matches(self.root().to_string_lossy().trim_start_matches('/'))
                    .trim_start_matches('/'),
            );
            self.write_file(&path, file).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        Ok(())
    }

    fn write_file(&self, path: &Path, file: &Value) -> std::io::Result<()> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mode = file.get("mode").and_then(|mode| match mode {
            Value::Str(text) => u32::from_str_radix(text.trim_start_matches("0o"), 8).ok(),
            Value::Int(number) => u32::from_str_radix(&number.to_string(), 8).ok(),
            _ => None,
        });
        if file.get("dir").is_some_and(Value::truthy) {
            fs::create_dir_all(path)?;
            return fs::set_permissions(path, fs::Permissions::from_mode(mode.unwrap_or(0o755)));
        }
        if let Some(target) = file.get("link").and_then(Value::as_str) {
            return std::os::unix::fs::symlink(target, path);
        }
        let content = match (file, file.get("content"), file.get("b64")) {
            (Value::Str(text), ..) | (_, Some(Value::Str(text)), _) => text.as_bytes().to_vec(),
            (_, _, Some(Value::Str(text))) => base64(text),
            _ => Vec::new(),
        };
        fs::write(path, content)?;
        fs::set_permissions(path, fs::Permissions::from_mode(mode.unwrap_or(0o644)))
    }
}

fn replace(value: &Value, from: &str, to: &str) -> Value {
    match value {
        Value::Str(text) => Value::Str(text.replace(from, to)),
        Value::List(items) => items.iter().map(|item| replace(item, from, to)).collect(),
        Value::Map(map) => Value::Map(map.iter().map(|(k, v)| (replace(k, from, to), replace(v, from, to))).collect()),
        other => other.clone(),
    }
}

/// Decodes base64 of a case file; a broken one is a broken case and gives no bytes.
pub(super) fn base64(text: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap_or_default()
}

fn encode_base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
