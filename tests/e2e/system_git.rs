//! Cases of `git` for `system_states`: repositories made by the real program.

use super::system_states::{Case, check};

/// Makes `/srv/o.git` with the branches main and dev and the tag v1, and `/srv/w` to push from, then does more.
macro_rules! origin {
    ($more:literal) => {
        concat!(
            "git config --global user.name n; git config --global user.email n@example.org; cd /srv; ",
            "git init -q --bare -b main o.git; git init -q -b main w; cd w; git remote add origin /srv/o.git; ",
            "echo 1 > f; git add f; git commit -qm one; git tag v1; git push -q origin main v1; ",
            "git checkout -q -b dev; echo d > d; git add d; git commit -qm dev; git push -q origin dev; ",
            "git checkout -q main; cd /srv; ",
            $more
        )
    };
}

/// A new commit on a branch of the origin.
const COMMIT: &str = "cd /srv/w; echo more >> f; git commit -qam more; git push -q origin main";

pub(super) const CASES: &[Case] = &[
    Case {
        state: "git.latest",
        declaration: "[{name: /srv/o.git}, {target: /srv/app}, {rev: main}, {branch: main}]",
        prepare: origin!(""),
        damage: COMMIT,
        holds: "test \"$(git -C /srv/app rev-parse HEAD)\" = \"$(git -C /srv/o.git rev-parse main)\"; \
                cmp /srv/app/f /srv/w/f; git -C /srv/app diff --quiet",
    },
    Case {
        state: "git.latest",
        declaration: "[{name: /srv/o.git}, {target: /srv/app}, {rev: main}, {force_reset: true}, {force_fetch: true}]",
        prepare: origin!("git clone -q o.git app; echo x > app/f; git -C app commit -qam ours"),
        damage: "echo x > /srv/app/f",
        holds: "test \"$(git -C /srv/app rev-parse HEAD)\" = \"$(git -C /srv/o.git rev-parse main)\"; \
                git -C /srv/app diff --quiet",
    },
    Case {
        state: "git.latest",
        declaration: "[{name: /srv/o.git}, {target: /srv/app}, {rev: dev}, {branch: dev}]",
        prepare: origin!("git clone -q o.git app; git -C w tag v2; git -C w push -q origin v2; git -C app tag old"),
        damage: "cd /srv/app; git checkout -q main; git branch -q -D dev; git tag -d v2; git remote set-url origin /x",
        holds: "cd /srv/app; test \"$(git symbolic-ref HEAD)\" = refs/heads/dev; test -e d; git rev-parse v2; \
                ! git rev-parse old 2>/dev/null; test \"$(git config branch.dev.merge)\" = refs/heads/dev; \
                test \"$(git remote get-url origin)\" = /srv/o.git",
    },
    Case {
        state: "git.latest",
        declaration: "[{name: /srv/o.git}, {target: /srv/app}, {rev: v1}, {force_clone: true}]",
        prepare: origin!("mkdir app; echo x > app/x"),
        damage: "rm -r /srv/app/.git",
        holds: "cd /srv/app; test ! -e x; test \"$(git rev-parse HEAD)\" = \"$(git rev-parse v1)\"; test -z \"$(ls -d /srv/.app*)\"",
    },
    Case {
        state: "git.latest",
        declaration: "[{name: /srv/o.git}, {target: /srv/app}, {mirror: true}]",
        prepare: origin!(""),
        damage: COMMIT,
        holds: "test \"$(git -C /srv/app rev-parse main)\" = \"$(git -C /srv/o.git rev-parse main)\"",
    },
    Case {
        state: "git.cloned",
        declaration: "[{name: /srv/o.git}, {target: /srv/app}, {branch: dev}]",
        prepare: origin!(""),
        damage: "git -C /srv/app checkout -q -b else",
        holds: "test \"$(git -C /srv/app symbolic-ref HEAD)\" = refs/heads/dev; test -e /srv/app/d",
    },
    Case {
        state: "git.detached",
        declaration: "[{name: /srv/o.git}, {target: /srv/app}, {rev: dev}, {hard_reset: true}]",
        prepare: origin!("git clone -q o.git app"),
        damage: "cd /srv/app; git checkout -q main; echo x > f",
        holds: "cd /srv/app; ! git symbolic-ref -q HEAD; test \"$(git rev-parse HEAD)\" = \"$(git rev-parse origin/dev)\"",
    },
    Case {
        state: "git.present",
        declaration: "[{name: /srv/n.git}, {shared: group}, {force: true}]",
        prepare: "",
        damage: "rm -r /srv/n.git; mkdir /srv/n.git; touch /srv/n.git/x",
        holds: "test \"$(git -C /srv/n.git config core.bare)\" = true; test ! -e /srv/n.git/x; \
                test \"$(git -C /srv/n.git config core.sharedrepository)\" = 1",
    },
    Case {
        state: "git.config_set",
        declaration: "[{name: a.b}, {multivar: [x, y]}, {repo: /srv/w}]",
        prepare: origin!("git -C w config a.b z"),
        damage: "git -C /srv/w config --unset a.b y",
        holds: "test \"$(git -C /srv/w config --get-all a.b | tr '\\n' .)\" = x.y.",
    },
    Case {
        state: "git.config_unset",
        declaration: "[{name: 'a[.].*'}, {global: true}, {all: true}]",
        prepare: "git config --global a.b 1; git config --global --add a.b 2; git config --global a.c 3",
        damage: "git config --global a.b 1",
        holds: "! git config --global --get-regexp 'a[.].*'",
    },
];

#[test]
fn repositories_are_as_predicted() {
    check("repositories_are_as_predicted", CASES);
}
