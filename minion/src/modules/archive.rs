//! `archive.*`: packing and unpacking with the system's own programs.

use std::path::PathBuf;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function, Outcome};
use fleet_common::value::{Map, Value};

use crate::cx::{Act, Look, Module};
use crate::files::anywhere;
use crate::modules::cmd::{Options, execute, split_words};
use crate::system::archive::{ArchiveError, Kind, pack::pack, tar as tape, zip};

/// The module.
pub const MODULE: Module = Module {
    name: "archive",
    doc: "Packing and unpacking with the system's own programs.",
    functions: &[
        Function::changes(
            "tar",
            "Runs tar and returns what it wrote, in lines.",
            "archive.tar cjvf /tmp/files.tar.bz2 /tmp/a,/tmp/b",
            Tar::ROWS,
            tar,
        ),
        Function::changes(
            "gzip",
            "Packs a file with gzip; it takes the file's place.",
            "archive.gzip /tmp/file.txt",
            Gzip::ROWS,
            |act, arguments| gzip(act, "gzip", Gzip::bind("archive.gzip", arguments)?),
        ),
        Function::changes(
            "gunzip",
            "Unpacks a file of gzip; it takes the file's place.",
            "archive.gunzip /tmp/file.txt.gz",
            Gunzip::ROWS,
            |act, arguments| {
                let Gunzip { gzipfile, template, runas, options } = Gunzip::bind("archive.gunzip", arguments)?;
                gzip(act, "gunzip", Gzip { sourcefile: gzipfile, template, runas, options })
            },
        ),
        Function::changes(
            "cmd_zip",
            "Runs zip and returns what it wrote, in lines.",
            "archive.cmd_zip /tmp/z.zip /tmp/a,/tmp/b",
            Zip::ROWS,
            cmd_zip,
        ),
        Function::changes(
            "cmd_unzip",
            "Runs unzip and returns what it wrote, in lines.",
            "archive.cmd_unzip /tmp/z.zip /tmp/dest",
            Unzip::ROWS,
            cmd_unzip,
        ),
        Function::changes(
            "zip",
            "Packs files and directories into an archive of zip here, without a program; the names in it.",
            "archive.zip /tmp/z.zip /tmp/a,/tmp/b",
            Pack::ROWS,
            pack_here,
        ),
        Function::changes(
            "unzip",
            "Unpacks an archive of zip here, without a program; the names in it.",
            "archive.unzip /tmp/z.zip /tmp/dest",
            UnzipHere::ROWS,
            |_, arguments| {
                let args = UnzipHere::bind("archive.unzip", arguments)?;
                let (archive, dest) = (PathBuf::from(args.zip_file), PathBuf::from(args.dest));
                let names = zip::extract(&archive, &dest, args.password.as_deref(), args.extract_perms);
                Ok(names.map_err(failed)?.into_iter().collect::<Value>().into())
            },
        ),
        Function::reads(
            "is_encrypted",
            "True for an archive of zip that needs a password.",
            "archive.is_encrypted /tmp/z.zip",
            One::ROWS,
            |look, arguments| {
                let args = One::bind("archive.is_encrypted", arguments)?;
                Ok(zip::is_encrypted(&here(look, &args.name, args.saltenv.as_deref())?).map_err(failed)?.into())
            },
        ),
        Function::reads(
            "list",
            "The names in an archive of tar or zip; verbose: by what they are.",
            "archive.list salt://files.tar.gz",
            List::ROWS,
            list,
        ),
    ],
};

args! {
    /// Arguments of `archive.tar`.
    pub struct Tar {
        /// Options of tar, with or without a hyphen before.
        options: String,
        /// The archive.
        tarfile: String,
        /// Files to pack or to unpack: a list, or separated by commas.
        sources: Vec<String> = Vec::new(),
        /// Directory to unpack into.
        dest: Option<String> = None,
        /// Directory to start in.
        cwd: Option<String> = None,
        /// Not supported: rendering of the paths.
        template: Option<String> = None,
        /// User to run as.
        runas: Option<String> = None,
    }
}

args! {
    /// Arguments of `archive.gzip`.
    pub struct Gzip {
        /// The file.
        sourcefile: String,
        /// Not supported: rendering of the path.
        template: Option<String> = None,
        /// User to run as.
        runas: Option<String> = None,
        /// Options of the program.
        options: Option<String> = None,
    }
}

args! {
    /// Arguments of `archive.gunzip`.
    pub struct Gunzip {
        /// The file.
        gzipfile: String,
        /// Not supported: rendering of the path.
        template: Option<String> = None,
        /// User to run as.
        runas: Option<String> = None,
        /// Options of the program.
        options: Option<String> = None,
    }
}

args! {
    /// Arguments of `archive.cmd_zip`.
    pub struct Zip {
        /// The archive.
        zip_file: String,
        /// Files to pack: a list, or separated by commas.
        sources: Vec<String>,
        /// Not supported: rendering of the paths.
        template: Option<String> = None,
        /// Directory to start in.
        cwd: Option<String> = None,
        /// User to run as.
        runas: Option<String> = None,
    }
}

args! {
    /// Arguments of `archive.cmd_unzip`.
    pub struct Unzip {
        /// The archive.
        zip_file: String,
        /// Directory to unpack into.
        dest: String,
        /// Files to leave out: a list, or separated by commas.
        excludes: Vec<String> = Vec::new(),
        /// Options of unzip.
        options: Option<String> = None,
        /// Not supported: rendering of the paths.
        template: Option<String> = None,
        /// User to run as.
        runas: Option<String> = None,
    }
}

args! {
    /// Arguments of `archive.list`.
    pub struct List {
        /// The archive: `salt://…`, `https://…` or a path.
        name: String,
        /// `tar` or `zip`; told by the name when not given.
        archive_format: Option<String> = None,
        /// Taken for trees written for the reference: compressions are known by their content.
        options: Option<String> = None,
        /// Components of the names to leave out.
        strip_components: i64 = 0,
        /// Directories, files and links apart, and what is at the top.
        verbose: bool = false,
        /// Environment of `salt://`.
        saltenv: Option<String> = None,
    }
}

args! {
    /// Arguments of `archive.zip`.
    pub struct Pack {
        /// The archive.
        zip_file: String,
        /// Files and directories to pack: a list, or separated by commas.
        sources: Vec<String>,
        /// Not supported: rendering of the paths.
        template: Option<String> = None,
        /// Directory that relative sources are in, and names in the archive start from.
        cwd: Option<String> = None,
        /// Not supported: another user; `archive.cmd_zip` has it.
        runas: Option<String> = None,
        /// Taken for calls written for the reference: large files take the large form by themselves.
        zip64: bool = false,
    }
}

args! {
    /// Arguments of `archive.unzip`.
    pub struct UnzipHere {
        /// The archive.
        zip_file: String,
        /// Directory to unpack into.
        dest: String,
        /// Its password.
        password: Option<String> = None,
        /// Set the modes that the archive has.
        extract_perms: bool = true,
    }
}

args! {
    /// An archive.
    pub struct One {
        /// The archive: `salt://…`, `https://…` or a path.
        name: String,
        /// Environment of `salt://`.
        saltenv: Option<String> = None,
    }
}

fn failed(error: ArchiveError) -> CallError {
    CallError::Failed(error.to_string())
}

/// The archive on this machine.
fn here(look: &Look, name: &str, saltenv: Option<&str>) -> Result<PathBuf, CallError> {
    let path = anywhere::path(look, name, saltenv.unwrap_or("base"));
    let path = path.map_err(|missing| CallError::Failed(missing.to_string()))?;
    path.ok_or_else(|| CallError::Failed(format!("Failed to cache {name}")))
}

/// Runs a program; its output in lines, with its status.
fn lines(act: &Act, words: Vec<String>, cwd: Option<String>, runas: Option<String>) -> CallResult {
    let options = Options { cwd, runas, merge: true, ..Options::default() };
    let answer = execute(act, &Value::from(words), &options)?;
    Ok(Outcome::with_status(answer.stdout.lines().collect::<Value>(), answer.status))
}

fn refuse_template(function: &str, template: Option<&str>) -> Result<(), CallError> {
    match template {
        None | Some("") => Ok(()),
        Some(_) => Err(CallError::Unsupported(format!("the argument 'template' of {function}"))),
    }
}

fn tar(act: &Act, arguments: Arguments) -> CallResult {
    let args = Tar::bind("archive.tar", arguments)?;
    refuse_template("archive.tar", args.template.as_deref())?;
    if args.options.is_empty() {
        return Err(CallError::Invocation("Tar options can not be empty".to_owned()));
    }
    let mut words = vec!["tar".to_owned()];
    if !args.options.starts_with('-') {
        words.push(format!("-{}", args.options));
    } else {
        words.extend(split_words(&args.options)?);
    }
    words.push(args.tarfile);
    if let Some(dest) = args.dest {
        words.extend(["-C".to_owned(), dest]);
    }
    words.extend(args.sources.into_iter().filter(|source| !source.is_empty()));
    lines(act, words, args.cwd, args.runas)
}

fn gzip(act: &Act, program: &str, args: Gzip) -> CallResult {
    refuse_template(&format!("archive.{program}"), args.template.as_deref())?;
    let mut words = vec![program.to_owned()];
    words.extend(split_words(args.options.as_deref().unwrap_or_default())?);
    words.push(args.sourcefile);
    lines(act, words, None, args.runas)
}

fn cmd_zip(act: &Act, arguments: Arguments) -> CallResult {
    let args = Zip::bind("archive.cmd_zip", arguments)?;
    refuse_template("archive.cmd_zip", args.template.as_deref())?;
    let mut words = vec!["zip".to_owned(), "-r".to_owned(), args.zip_file];
    words.extend(args.sources);
    lines(act, words, args.cwd, args.runas)
}

fn pack_here(_: &Act, arguments: Arguments) -> CallResult {
    let args = Pack::bind("archive.zip", arguments)?;
    refuse_template("archive.zip", args.template.as_deref())?;
    if args.runas.is_some() {
        return Err(CallError::Unsupported("the argument 'runas' of archive.zip".to_owned()));
    }
    let base = match args.cwd.map(PathBuf::from) {
        Some(cwd) if !cwd.is_absolute() => {
            return Err(CallError::Invocation("cwd must be absolute".to_owned()));
        }
        cwd => cwd,
    };
    let sources = args.sources.into_iter().map(PathBuf::from).map(|source| match &base {
        _ if source.is_absolute() => Ok(source),
        Some(base) => Ok(base.join(source)),
        None => Err(CallError::Invocation(format!("Relative paths require the 'cwd' parameter: {}", source.display()))),
    });
    let sources: Vec<PathBuf> = sources.collect::<Result<_, _>>()?;
    let names = pack(&PathBuf::from(args.zip_file), &sources, base.as_deref()).map_err(failed)?;
    Ok(names.into_iter().collect::<Value>().into())
}

fn cmd_unzip(act: &Act, arguments: Arguments) -> CallResult {
    let args = Unzip::bind("archive.cmd_unzip", arguments)?;
    refuse_template("archive.cmd_unzip", args.template.as_deref())?;
    let mut words = vec!["unzip".to_owned()];
    words.extend(split_words(args.options.as_deref().unwrap_or_default())?);
    words.extend([args.zip_file, "-d".to_owned(), args.dest]);
    if !args.excludes.is_empty() {
        words.push("-x".to_owned());
        words.extend(args.excludes);
    }
    lines(act, words, None, args.runas)
}

fn list(look: &Look, arguments: Arguments) -> CallResult {
    let args = List::bind("archive.list", arguments)?;
    let kind = match &args.archive_format {
        Some(name) => {
            Kind::named(name).ok_or_else(|| CallError::Invocation(format!("Unsupported archive format '{name}'")))?
        }
        None => Kind::of_file(&args.name).ok_or_else(|| {
            CallError::Invocation(
                "Unable to guess archive format, please pass an 'archive_format' argument.".to_owned(),
            )
        })?,
    };
    let path = here(look, &args.name, args.saltenv.as_deref())?;
    let contents = match kind {
        Kind::Tar => tape::list(&path),
        Kind::Zip => zip::list(&path),
        Kind::Rar => return Err(CallError::Unsupported("archive.list of archives of rar".to_owned())),
    };
    let contents = contents.map_err(failed)?.without_first(usize::try_from(args.strip_components).unwrap_or(0));
    if !args.verbose {
        return Ok(contents.all().into_iter().collect::<Value>().into());
    }
    let top = [contents.top_dirs(), contents.top_files(), contents.top_links()];
    let [top_dirs, top_files, top_links] = top.map(|names| names.into_iter().collect::<Value>());
    Ok(Map::from_iter([
        ("dirs", contents.dirs.into_iter().collect::<Value>()),
        ("files", contents.files.into_iter().collect()),
        ("links", contents.links.into_iter().collect()),
        ("top_level_dirs", top_dirs),
        ("top_level_files", top_files),
        ("top_level_links", top_links),
    ])
    .into())
}
