//! `archive.*`: packing and unpacking with the system's own programs.

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function, Outcome};
use fleet_common::value::Value;

use crate::cx::{Act, Module};
use crate::modules::cmd::{Options, execute, split_words};

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
            "list",
            "The names in an archive of tar.",
            "archive.list /tmp/files.tar.gz",
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
        /// The archive: a path.
        name: String,
        /// Kind of the archive; only tar is supported.
        archive_format: Option<String> = None,
        /// Not supported: files and directories apart.
        verbose: bool = false,
    }
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

fn list(act: &Act, arguments: Arguments) -> CallResult {
    let args = List::bind("archive.list", arguments)?;
    if args.verbose {
        return Err(CallError::Unsupported("the argument 'verbose' of archive.list".to_owned()));
    }
    let is_tar = args
        .archive_format
        .as_deref()
        .map_or(!args.name.ends_with(".zip") && !args.name.ends_with(".rar"), |kind| kind == "tar");
    if !is_tar {
        return Err(CallError::Unsupported("archive.list of archives other than tar".to_owned()));
    }
    if args.name.contains("://") {
        return Err(CallError::Unsupported(format!("archive.list of {}", args.name)));
    }
    let words = ["tar", "-tf", args.name.as_str()].map(Value::from).to_vec();
    let answer = execute(act, &Value::List(words), &Options::default())?;
    if answer.status != 0 {
        return Err(CallError::Failed(format!("Unable to list contents of {}: {}", args.name, answer.stderr)));
    }
    let mut names: Vec<&str> = answer.stdout.lines().collect();
    names.sort_unstable();
    Ok(names.into_iter().collect::<Value>().into())
}
