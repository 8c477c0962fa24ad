//! How an image is made: by a script, from the machine's own package sources.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use super::fault::Fault;
use super::run::run;

/// What makes an image. Another text is another image.
pub struct Recipe {
    suite: String,
    mirror: String,
}

const SCRIPT: &str = include_str!("image.sh");

impl Recipe {
    /// The suite of this machine where it is Debian, so that our programs find the C library they were linked with.
    pub fn of_this_machine() -> Self {
        let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
        let field =
            |name: &str| release.lines().find_map(|line| line.strip_prefix(name)).map(|text| text.trim_matches('"'));
        let suite = field("VERSION_CODENAME=").filter(|_| field("ID=") == Some("debian")).unwrap_or("bookworm");
        // The mirror that the machine uses itself; debootstrap's own where there is none.
        let targets = run(
            "apt-get",
            &["indextargets", "--format", "$(CODENAME) $(COMPONENT) $(REPO_URI)", "Created-By: Packages"],
        );
        let wanted = format!("{suite} main ");
        let targets = targets.unwrap_or_default();
        let mirror = targets.lines().find_map(|line| line.strip_prefix(&wanted)).unwrap_or_default();
        Self { suite: suite.to_owned(), mirror: mirror.to_owned() }
    }

    /// All that decides what comes out.
    pub fn text(&self) -> String {
        format!("{SCRIPT}\n{} {}", self.suite, self.mirror)
    }

    /// Makes the image in a directory that is not there yet.
    pub fn make(&self, dir: &Path, log: &Path) -> Result<(), Fault> {
        println!("making the image of the hosts (once; about a minute; {})", log.display());
        std::fs::create_dir_all(dir).map_err(Fault::file(dir))?;
        let output = File::create(log).map_err(Fault::file(log))?;
        let errors = output.try_clone().map_err(Fault::file(log))?;
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "image.sh"]).arg(dir).args([&self.suite, &self.mirror]);
        let status = command.stdin(Stdio::null()).stdout(output).stderr(errors).status().map_err(Fault::file(dir))?;
        if status.success() {
            return Ok(());
        }
        let text = std::fs::read_to_string(log).unwrap_or_default();
        let tail: Vec<&str> = text.lines().rev().take(5).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        Err(Fault::Program {
            command: "tests/src/lab/image.sh".to_owned(),
            why: format!("{status}:\n{}", tail.join("\n")),
        })
    }
}
