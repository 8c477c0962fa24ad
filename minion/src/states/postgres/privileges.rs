//! `postgres_privileges.*`: what roles may do with the objects of a PostgreSQL server.

use super::on_server;
use crate::cx::{Act, Look};
use crate::modules::postgres::privilege::{Asked, On};
use crate::states::{Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction, StateModule};

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "postgres_privileges",
    doc: "What roles may do with the objects of a PostgreSQL server.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "present",
            doc: "Privileges that a role was granted.",
            example: "larry: {postgres_privileges.present: [{object_name: orders}, {object_type: table}, \
                      {privileges: [SELECT, INSERT]}, {maintenance_db: shop}]}",
            args: Wanted::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Present(Wanted::bind(f, a)?)))),
        },
        StateFunction {
            name: "absent",
            doc: "Privileges that a role was not granted.",
            example: "larry: {postgres_privileges.absent: [{object_name: shop}, {object_type: database}, {privileges: [CREATE]}]}",
            args: Wanted::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Absent(Wanted::bind(f, a)?)))),
        },
    ],
};

on_server! {
    /// Arguments of `postgres_privileges.present` and `postgres_privileges.absent`.
    struct Wanted {
        /// The role, or `public`.
        name: String,
        /// The object; `ALL` for all tables or sequences of the schema.
        object_name: String,
        /// `table`, `sequence`, `schema`, `tablespace`, `language`, `database`, `group` or `function`.
        object_type: String,
        /// Privileges, or `ALL`; none for groups.
        privileges: Vec<String> = Vec::new(),
        /// The role may pass them on.
        grant_option: bool = false,
        /// The schema of tables, sequences and functions.
        prepend: String = "public".to_owned(),
    }
}

impl Wanted {
    fn parts(&self) -> Result<(On, Asked), Failure> {
        let on = On::new(&self.object_name, &self.object_type, &self.prepend)?;
        let asked = on.asked(&self.privileges, self.grant_option)?;
        Ok((on, asked))
    }
}

struct Present(Wanted);

impl State for Present {
    type Todo = ();

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        let (on, asked) = self.0.parts()?;
        let role = self.0.name.as_str();
        if on.has(&self.0.server(), role, &asked)? {
            return Ok(Plan::Nothing(Report::new("The requested privilege(s) are already set")));
        }
        let (what, changed) = (on.named(&asked), |text: String| Report::new(text).change(role, "Present"));
        Ok(Plan::Change {
            todo: (),
            would: changed(format!("The privilege(s): {what} are set to be granted to {role}")),
            did: changed(format!("The privilege(s): {what} have been granted to {role}")),
        })
    }

    fn apply(&self, act: &Act, (): ()) -> Result<Applied, Failure> {
        let (on, asked) = self.0.parts()?;
        let role = &self.0.name;
        let failed = |why| format!("Failed to grant privilege(s): {} to {role}: {why}", on.named(&asked));
        on.grant(act, &self.0.server(), role, &asked).map_err(|why| Failure::new(failed(why)))?;
        Ok(Applied::AsPlanned)
    }
}

struct Absent(Wanted);

impl State for Absent {
    type Todo = ();

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        let (on, asked) = self.0.parts()?;
        let role = self.0.name.as_str();
        if !on.has_any(&self.0.server(), role, &asked)? {
            let text = "The requested privilege(s) are not set so cannot be revoked";
            return Ok(Plan::Nothing(Report::new(text)));
        }
        let (what, changed) = (on.named(&asked), |text: String| Report::new(text).change(role, "Absent"));
        Ok(Plan::Change {
            todo: (),
            would: changed(format!("The privilege(s): {what} are set to be revoked from {role}")),
            did: changed(format!("The privilege(s): {what} have been revoked from {role}")),
        })
    }

    fn apply(&self, act: &Act, (): ()) -> Result<Applied, Failure> {
        let (on, asked) = self.0.parts()?;
        let role = &self.0.name;
        let failed = |why| format!("Failed to revoke privilege(s): {} from {role}: {why}", on.named(&asked));
        on.revoke(act, &self.0.server(), role, &asked).map_err(|why| Failure::new(failed(why)))?;
        Ok(Applied::AsPlanned)
    }
}
