//! Templates from files: include, import, extends and blocks.

use std::rc::Rc;
use std::sync::Arc;

use indexmap::IndexMap;

use super::super::fault::{Fault, FaultKind, Res};
use super::super::object::{Absent, BlockStacks, Module, Object, Val};
use super::super::tree::{At, Block, Compiled, Expr, Import, Node, Statement};
use super::statement::Flow;
use super::{Frame, Run};

impl Run<'_> {
    /// Runs the main template with its parents.
    pub(in crate::render::jinja) fn main(&mut self, out: &mut String) -> Res<()> {
        let context = Frame::alone();
        for (name, value) in self.variables.template_names() {
            context.set(name, value);
        }
        let root = Frame::inside(&context);
        let main = self.template.clone();
        self.whole(&main, &root, out)
    }

    /// Statements that deal with other templates.
    pub(super) fn template_statement(&mut self, node: &Node, frame: &Rc<Frame>, out: &mut String) -> Res<Flow> {
        match &node.kind {
            Statement::Include { template, ignore_missing, context } => {
                let Some(included) = self.candidate(template, *ignore_missing, frame)? else { return Ok(Flow::On) };
                let root = if *context { Frame::inside(frame) } else { Frame::alone() };
                let here = self.template.clone();
                self.deeper(10, |run| run.whole(&included, &root, out)).map_err(|fault| fault.via(&here, node.at))?;
            }
            Statement::Import(import) => {
                let module = self.import(import, frame, node.at)?;
                if let super::super::tree::Target::Name(name) = &import.name {
                    frame.set_imported(name.clone(), module);
                } else {
                    return Err(Fault::syntax("expected token 'name'"));
                }
            }
            Statement::ImportData(format, import) => {
                let module = self.import(import, frame, node.at)?;
                let Val::Object(object) = &module else { return Ok(Flow::On) };
                let Object::Module(module) = &**object else { return Ok(Flow::On) };
                let here = self.template.clone();
                let value =
                    self.data(*format, &module.text, &module.name).map_err(|fault| fault.via(&here, node.at))?;
                self.assign(&import.name, value, frame)?;
            }
            Statement::FromImport { template, names, context } => {
                let module = self.module(template, *context, frame, node.at)?;
                let Val::Object(object) = &module else { return Ok(Flow::On) };
                let Object::Module(module) = &**object else { return Ok(Flow::On) };
                for (name, alias) in names {
                    let absent = || Val::missing(Absent::Export(object.clone(), name.clone(), node.at.line));
                    let value = module.exports.get(name).cloned().unwrap_or_else(absent);
                    frame.set_imported(alias.clone(), value);
                }
            }
            Statement::Extends(parent) => {
                let value = self.value(parent, frame)?;
                let name = value.text()?;
                let compiled = self.load(&name)?;
                for (name, block) in &compiled.blocks {
                    if let Some(stacks) = self.blocks.last_mut() {
                        stacks.entry(name.clone()).or_default().push((block.clone(), compiled.clone()));
                    }
                }
                frame.set("__fleet_parent".into(), Val::str(&*compiled.name));
            }
            Statement::Block(block) if frame.get("__fleet_parent").is_none() => {
                let root = self.root.clone();
                let text = self.block_in(&block.name, 0, &root)?;
                out.push_str(&text);
            }
            _ => {}
        }
        Ok(Flow::On)
    }

    /// Runs a template, then the templates it extends.
    fn whole(&mut self, template: &Arc<Compiled>, root: &Rc<Frame>, out: &mut String) -> Res<()> {
        let mut stacks: BlockStacks = IndexMap::new();
        for (name, block) in &template.blocks {
            stacks.insert(name.clone(), vec![(block.clone(), template.clone())]);
        }
        self.blocks.push(stacks);
        let former = std::mem::replace(&mut self.template, template.clone());
        let outer = std::mem::replace(&mut self.root, root.clone());
        let result = self.with_parents(root, out);
        self.root = outer;
        self.template = former;
        self.blocks.pop();
        result
    }

    fn with_parents(&mut self, root: &Rc<Frame>, out: &mut String) -> Res<()> {
        for _ in 0..50 {
            let template = self.template.clone();
            let extends = template.body.iter().any(|node| matches!(node.kind, Statement::Extends(_)));
            if !extends {
                return self.body(&template.body, root, out).map(drop);
            }
            // A template that extends another prints nothing itself; its blocks and names count.
            let discarded = self.captured(&template.body, root)?;
            let parent = root.remove("__fleet_parent").and_then(|name| name.as_str().map(str::to_owned));
            match parent {
                Some(parent) => self.template = self.load(&parent)?,
                None => {
                    out.push_str(&discarded);
                    return Ok(());
                }
            }
        }
        Err(Fault::limit("templates extend each other without end"))
    }

    /// The text of `super()` or `self.name()`.
    pub(super) fn block_text(&mut self, name: &str, level: usize) -> Res {
        let root = self.root.clone();
        self.block_in(name, level, &root).map(Val::str)
    }

    fn block_in(&mut self, name: &str, level: usize, frame: &Rc<Frame>) -> Res<String> {
        let found: Option<(Arc<Block>, Arc<Compiled>)> =
            self.blocks.last().and_then(|stacks| stacks.get(name)).and_then(|stack| stack.get(level)).cloned();
        let Some((block, template)) = found else {
            return Err(Fault::new(FaultKind::Undefined, format!("there is no parent block called '{name}'.")));
        };
        if block.required {
            return Err(Fault::error(format!("Required block '{name}' not found")));
        }
        let inner = Frame::inside(frame);
        inner.set("super".into(), Val::object(Object::BlockCall(name.into(), level + 1)));
        inner.set("self".into(), Val::object(Object::Blocks));
        let former = std::mem::replace(&mut self.template, template);
        let text = self.deeper(10, |run| run.captured(&block.body, &inner));
        self.template = former;
        text
    }

    fn import(&mut self, import: &Import, frame: &Rc<Frame>, at: At) -> Res {
        self.module(&import.template, import.context, frame, at)
    }

    /// Runs a template for its names. Without context it runs once in a render and is shared.
    fn module(&mut self, template: &Expr, context: bool, frame: &Rc<Frame>, at: At) -> Res {
        let name = self.value(template, frame)?.defined()?;
        let name = match &name {
            Val::Str(text) => text.to_string(),
            other => return Err(Fault::error(format!("a template name must be str, not {}", other.type_name()))),
        };
        let here = self.template.clone();
        let compiled = self.load(&name).map_err(|fault| fault.via(&here, at))?;
        if !context && let Some(known) = self.modules.get(&*compiled.name) {
            return Ok(known.clone());
        }
        let root = if context { Frame::inside(frame) } else { Frame::alone() };
        let escape = std::mem::replace(&mut self.escape, false);
        let text = self.deeper(10, |run| run.apart(|run, text| run.whole(&compiled, &root, text)));
        self.escape = escape;
        let text = text.map_err(|fault| fault.via(&here, at))?;
        let exports = root.exports().collect();
        let module = Module { name: name.as_str().into(), exports, text: text.into() };
        let module = Val::object(Object::Module(module));
        if !context {
            self.modules.insert(compiled.name.to_string(), module.clone());
        }
        Ok(module)
    }

    /// The first template of a name or list of names that exists.
    fn candidate(&mut self, template: &Expr, ignore_missing: bool, frame: &Rc<Frame>) -> Res<Option<Arc<Compiled>>> {
        let value = self.value(template, frame)?.defined()?;
        let names = match &value {
            Val::Str(_) => vec![value.clone()],
            other => other.items()?,
        };
        let mut last = None;
        for name in &names {
            match self.load(&name.text()?) {
                Ok(compiled) => return Ok(Some(compiled)),
                Err(fault) if fault.kind() == FaultKind::NotFound => last = Some(fault),
                Err(fault) => {
                    let here = self.template.clone();
                    return Err(fault.via(&here, template.at));
                }
            }
        }
        match last {
            _ if ignore_missing => Ok(None),
            Some(fault) if names.len() == 1 => Err(fault),
            _ => {
                let names: Vec<String> = names.iter().filter_map(|name| name.text().ok()).collect();
                Err(Fault::new(
                    FaultKind::NotFound,
                    format!("none of the templates given were found: {}", names.join(", ")),
                ))
            }
        }
    }

    /// Loads a template by the name written in a tag: from the root of the tree, or relative with `./` and `../`.
    fn load(&mut self, name: &str) -> Res<Arc<Compiled>> {
        let path = super::super::loader::resolve(name, &self.template.name)?;
        let bytes = super::super::loader::read(self.scope, &path, name)?;
        let Ok(text) = std::str::from_utf8(&bytes) else {
            return Err(Fault::error(format!("{path} is not UTF-8 text")));
        };
        self.variables.loaded(&path);
        for name in ["tpldir", "tplfile", "tpldot", "tplroot"] {
            self.globals.remove(name);
        }
        self.engine.compiled(&path, text, &self.syntax)
    }
}
