//! Charts: made, shown, checked, packed, found and fetched.

use fleet_common::call::Function;
use fleet_common::value::Value;

use super::line::{Asked, asked, done, order, told, value};
use crate::cx::Module;

/// The charts.
pub const MODULE: Module = Module {
    name: "helm",
    doc: "Charts of Kubernetes, through Helm.",
    functions: &[
        Function::changes(
            "create",
            "Makes the directory of a new chart; true if Helm did.",
            "helm.create /srv/charts/web",
            Create::ROWS,
            |act, arguments| done(act, &["create"], &Create::bind("helm.create", arguments)?),
        ),
        Function::changes(
            "dependency_build",
            "Fetches what a chart needs, in the versions that are noted in it; true if Helm did.",
            "helm.dependency_build /srv/charts/web",
            Chart::ROWS,
            |act, arguments| done(act, &["dependency", "build"], &Chart::bind("helm.dependency_build", arguments)?),
        ),
        Function::reads(
            "dependency_list",
            "What a chart needs.",
            "helm.dependency_list /srv/charts/web",
            Chart::ROWS,
            |_, arguments| told(&["dependency", "list"], &Chart::bind("helm.dependency_list", arguments)?),
        ),
        Function::changes(
            "dependency_update",
            "Fetches what a chart needs and notes the versions; true if Helm did.",
            "helm.dependency_update /srv/charts/web",
            Chart::ROWS,
            |act, arguments| done(act, &["dependency", "update"], &Chart::bind("helm.dependency_update", arguments)?),
        ),
        Function::reads(
            "lint",
            "Checks a chart; true if Helm finds no error.",
            "helm.lint /srv/charts/web",
            Lint::ROWS,
            |_, arguments| told(&["lint"], &Lint::bind("helm.lint", arguments)?).map(|_| true.into()),
        ),
        Function::changes(
            "package",
            "Packs a chart into a file; true if Helm did.",
            "helm.package /srv/charts/web kvflags='{destination: /srv/packed}'",
            Chart::ROWS,
            |act, arguments| done(act, &["package"], &Chart::bind("helm.package", arguments)?),
        ),
        Function::changes(
            "pull",
            "Fetches the package of a chart; true if Helm did.",
            "helm.pull house/web kvflags='{destination: /srv/packed}'",
            Pull::ROWS,
            |act, arguments| done(act, &["pull"], &Pull::bind("helm.pull", arguments)?),
        ),
        Function::reads(
            "search_hub",
            "Charts of the public hub, by a word.",
            "helm.search_hub nginx",
            Search::ROWS,
            |_, arguments| value(&["search", "hub"], &Search::bind("helm.search_hub", arguments)?),
        ),
        Function::reads(
            "search_repo",
            "Charts of the known repositories, by a word.",
            "helm.search_repo nginx",
            Search::ROWS,
            |_, arguments| value(&["search", "repo"], &Search::bind("helm.search_repo", arguments)?),
        ),
        Function::reads(
            "show_all",
            "All that a chart says of itself.",
            "helm.show_all house/web",
            Chart::ROWS,
            |_, arguments| told(&["show", "all"], &Chart::bind("helm.show_all", arguments)?),
        ),
        Function::reads(
            "show_chart",
            "The definition of a chart.",
            "helm.show_chart house/web",
            Chart::ROWS,
            |_, arguments| told(&["show", "chart"], &Chart::bind("helm.show_chart", arguments)?),
        ),
        Function::reads(
            "show_readme",
            "What a chart's author wrote for its users.",
            "helm.show_readme house/web",
            Chart::ROWS,
            |_, arguments| told(&["show", "readme"], &Chart::bind("helm.show_readme", arguments)?),
        ),
        Function::reads(
            "show_values",
            "The values of a chart where none are given.",
            "helm.show_values house/web",
            Chart::ROWS,
            |_, arguments| told(&["show", "values"], &Chart::bind("helm.show_values", arguments)?),
        ),
        Function::changes(
            "template",
            "What a chart makes of values, as a text or, with `output_dir`, as files.",
            "helm.template web house/web set=color=red",
            Template::ROWS,
            |act, arguments| {
                let asked = Template::bind("helm.template", arguments)?;
                Ok(order(act, &["template"], &asked.words(), asked.options()?)?.into())
            },
        ),
        Function::reads(
            "verify",
            "Checks the signature of a package; true if Helm finds it good.",
            "helm.verify /srv/packed/web-1.0.0.tgz",
            Verify::ROWS,
            |_, arguments| told(&["verify"], &Verify::bind("helm.verify", arguments)?).map(|_| true.into()),
        ),
    ],
};

asked! {
    /// Arguments of functions that are about a chart.
    struct Chart [chart] [] {
        /// The chart: a directory, a package, an address or `repository/name`.
        chart: String,
    }
}

asked! {
    /// Arguments of `helm.create`.
    struct Create [name] [] {
        /// The directory; its last part is the chart's name.
        name: String,
    }
}

asked! {
    /// Arguments of `helm.pull`.
    struct Pull [pkg] [] {
        /// The chart: an address or `repository/name`.
        pkg: String,
    }
}

asked! {
    /// Arguments of `helm.verify`.
    struct Verify [path] [] {
        /// The package.
        path: String,
    }
}

asked! {
    /// Arguments of functions that look for charts.
    struct Search [keyword] [] {
        /// The word.
        keyword: String,
    }
}

asked! {
    /// Arguments of `helm.lint`.
    struct Lint [path] [values, namespace, set] {
        /// The chart: a directory or a package.
        path: String,
        /// Files of values, or one.
        values: Value = Value::Null,
        /// The namespace it would be installed in.
        namespace: Option<String> = None,
        /// Values as `name=value`, or one.
        set: Value = Value::Null,
    }
}

asked! {
    /// Arguments of `helm.template`.
    struct Template [name, chart] [values, set, output_dir] {
        /// The release it would be.
        name: String,
        /// The chart: a directory, a package, an address or `repository/name`.
        chart: String,
        /// Files of values, or one.
        values: Value = Value::Null,
        /// The directory for files.
        output_dir: Option<String> = None,
        /// Values as `name=value`, or one.
        set: Value = Value::Null,
    }
}
