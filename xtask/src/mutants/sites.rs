//! Places where a small change of the code is possible, found in the syntax tree of a source file.

use proc_macro2::Span;
use std::ops::Range;
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{BinOp, Block, Expr, ImplItemFn, ItemFn, Lit, Pat, ReturnType, Signature, Stmt, TraitItemFn, Type, UnOp};

/// Form in which a change is put into the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// An expression that another expression replaces.
    Expression,
    /// A statement that is left out.
    Statement,
    /// The beginning of a function's body, where the function returns before it does anything.
    Entry,
}

/// A place in a source file with the changes that are possible there; a sample takes one of them.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    /// Bytes of the file that the change replaces; empty for [`Form::Entry`].
    pub range: Range<usize>,
    pub line: usize,
    /// Name of the function that contains the place.
    pub function: String,
    pub form: Form,
    /// Source text of each possible change; empty text for [`Form::Statement`].
    pub changes: Vec<String>,
}

/// What is found in a source file: the places, and the modules in other files that only tests compile.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub sites: Vec<Site>,
    /// Modules in other files that are declared with `#[cfg(test)]`: a name, or the file that `#[path]` gives.
    pub test_modules: Vec<String>,
}

/// Finds the places in a source file. Tests, macros, patterns, types and constants have none: a switch is an expression of
/// run time.
///
/// # Errors
/// When the text isn't Rust.
pub(crate) fn find(source: &str) -> syn::Result<Found> {
    let file = syn::parse_file(source)?;
    let mut finder = Finder { source, function: String::new(), found: Found::default() };
    finder.visit_file(&file);
    Ok(finder.found)
}

struct Finder<'s> {
    source: &'s str,
    function: String,
    found: Found,
}

impl Finder<'_> {
    fn text(&self, span: Span) -> &str {
        self.source.get(span.byte_range()).unwrap_or_default()
    }

    fn add(&mut self, form: Form, range: Range<usize>, changes: Vec<String>) {
        if changes.is_empty() || self.function.is_empty() {
            return;
        }
        let line = 1 + self.source.get(..range.start).unwrap_or_default().matches('\n').count();
        self.found.sites.push(Site { range, line, function: self.function.clone(), form, changes });
    }

    fn replace(&mut self, span: Span, changes: Vec<String>) {
        self.add(Form::Expression, span.byte_range(), changes);
    }

    fn visit_function(&mut self, signature: &Signature, body: &Block) {
        if signature.constness.is_some() {
            return;
        }
        let outer = std::mem::replace(&mut self.function, signature.ident.to_string());
        self.entry(&signature.output, body);
        self.visit_block(body);
        self.function = outer;
    }

    fn entry(&mut self, output: &ReturnType, body: &Block) {
        let values = match output {
            ReturnType::Default => vec!["return;".to_owned()],
            ReturnType::Type(_, of) => self.values(of).iter().map(|value| format!("return {value};")).collect(),
        };
        if let [first, ..] = body.stmts.as_slice()
            && let [.., last] = body.stmts.as_slice()
        {
            let start = first.span().byte_range().start;
            let whole = self.source.get(start..last.span().byte_range().end).unwrap_or_default();
            let others = values.into_iter().filter(|value| *value != format!("return {whole};")).collect();
            self.add(Form::Entry, start..start, others);
        }
    }

    /// Returns the source text of values that a function with this return type could return instead.
    fn values(&self, of: &Type) -> Vec<String> {
        let text = self.text(of.span());
        let name = text.split('<').next().unwrap_or_default().rsplit("::").next().unwrap_or_default();
        let values: &[&str] = match (of, name) {
            (Type::ImplTrait(_) | Type::Never(_), _) => &[],
            (_, "bool") => &["true", "false"],
            (_, "Option") => &["None"],
            (_, "Result") => &["Ok(Default::default())"],
            _ => &["Default::default()"],
        };
        values.iter().map(|value| (*value).to_owned()).collect()
    }

    fn binary(&mut self, left: &Expr, op: &BinOp, right: &Expr, whole: Span) {
        let (left, right) = (self.text(left.span()), self.text(right.span()));
        let changes = operators(op).iter().map(|op| format!("({left}) {op} ({right})")).collect();
        self.replace(whole, changes);
    }

    fn literal(&mut self, literal: &Lit) {
        let changes = match literal {
            Lit::Int(number) => match number.base10_parse::<u128>() {
                Ok(value) => {
                    let near = [value.checked_sub(1), value.checked_add(1)].into_iter().flatten();
                    near.map(|value| format!("{value}{}", number.suffix())).collect()
                }
                Err(_) => Vec::new(),
            },
            Lit::Float(number) => match number.base10_parse::<f64>() {
                Ok(value) => vec![format!("{:?}{}", value + 1.0, number.suffix())],
                Err(_) => Vec::new(),
            },
            Lit::Bool(value) => vec![(!value.value).to_string()],
            _ => Vec::new(),
        };
        self.replace(literal.span(), changes);
    }

    /// Negates a condition, unless its operator's own change does that.
    fn condition(&mut self, condition: &Expr) {
        let own = match condition {
            Expr::Unary(unary) => matches!(unary.op, UnOp::Not(_)),
            Expr::Binary(binary) => matches!(binary.op, BinOp::Eq(_) | BinOp::Ne(_)),
            _ => false,
        };
        if !own && !binds(condition) {
            let negated = format!("!({})", self.text(condition.span()));
            self.replace(condition.span(), vec![negated]);
        }
    }
}

/// Returns the operators that may stand in place of an operator.
fn operators(op: &BinOp) -> &'static [&'static str] {
    match op {
        BinOp::Lt(_) => &["<=", ">="],
        BinOp::Le(_) => &["<", ">"],
        BinOp::Gt(_) => &[">=", "<="],
        BinOp::Ge(_) => &[">", "<"],
        BinOp::Eq(_) => &["!="],
        BinOp::Ne(_) => &["=="],
        BinOp::And(_) => &["||"],
        BinOp::Or(_) => &["&&"],
        BinOp::Add(_) => &["-"],
        BinOp::Sub(_) => &["+"],
        BinOp::Mul(_) | BinOp::Rem(_) => &["/"],
        BinOp::Div(_) => &["*"],
        BinOp::BitAnd(_) | BinOp::BitXor(_) => &["|"],
        BinOp::BitOr(_) => &["&"],
        BinOp::Shl(_) => &[">>"],
        BinOp::Shr(_) => &["<<"],
        BinOp::AddAssign(_) => &["-="],
        BinOp::SubAssign(_) => &["+="],
        BinOp::MulAssign(_) => &["/="],
        BinOp::DivAssign(_) => &["*="],
        BinOp::BitAndAssign(_) => &["|="],
        BinOp::BitOrAssign(_) => &["&="],
        _ => &[],
    }
}

/// Returns whether a condition has a `let`, which can't stand in parentheses.
fn binds(condition: &Expr) -> bool {
    match condition {
        Expr::Let(_) => true,
        Expr::Binary(binary) => binds(&binary.left) || binds(&binary.right),
        _ => false,
    }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string().contains("test"),
        _ => attribute.path().segments.last().is_some_and(|last| last.ident == "test"),
    })
}

/// Returns the file that `#[path]` gives a module; `None` without the attribute.
fn path(attributes: &[syn::Attribute]) -> Option<String> {
    attributes.iter().find_map(|attribute| match &attribute.meta {
        syn::Meta::NameValue(syn::MetaNameValue { path, value: Expr::Lit(literal), .. }) if path.is_ident("path") => {
            match &literal.lit {
                Lit::Str(file) => Some(file.value()),
                _ => None,
            }
        }
        _ => None,
    })
}

/// Returns whether a statement of this expression can be left out: a call, an assignment or a jump.
fn is_removable(expression: &Expr) -> bool {
    match expression {
        Expr::Call(_) | Expr::MethodCall(_) | Expr::Assign(_) => true,
        Expr::Return(_) | Expr::Break(_) | Expr::Continue(_) => true,
        Expr::Try(inner) => is_removable(&inner.expr),
        Expr::Await(inner) => is_removable(&inner.base),
        _ => false,
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        match (is_test(&item.attrs), &item.content) {
            (true, None) => self.found.test_modules.push(path(&item.attrs).unwrap_or_else(|| item.ident.to_string())),
            (true, Some(_)) => {}
            (false, _) => visit::visit_item_mod(self, item),
        }
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        if !is_test(&item.attrs) {
            self.visit_function(&item.sig, &item.block);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        if !is_test(&item.attrs) {
            self.visit_function(&item.sig, &item.block);
        }
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        if let Some(body) = &item.default {
            self.visit_function(&item.sig, body);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if !is_test(&item.attrs) {
            visit::visit_item_impl(self, item);
        }
    }

    fn visit_stmt(&mut self, statement: &'ast Stmt) {
        if let Stmt::Expr(expression, Some(_)) = statement
            && is_removable(expression)
        {
            self.add(Form::Statement, statement.span().byte_range(), vec![String::new()]);
        }
        visit::visit_stmt(self, statement);
    }

    fn visit_expr(&mut self, expression: &'ast Expr) {
        match expression {
            Expr::Const(_) => return,
            Expr::Repeat(repeat) => return self.visit_expr(&repeat.expr),
            Expr::Binary(binary) if !binds(expression) => {
                self.binary(&binary.left, &binary.op, &binary.right, expression.span());
            }
            Expr::Lit(literal) => self.literal(&literal.lit),
            Expr::If(branch) => self.condition(&branch.cond),
            Expr::While(repeat) => self.condition(&repeat.cond),
            Expr::Unary(unary) if matches!(unary.op, UnOp::Not(_)) => {
                let inner = format!("({})", self.text(unary.expr.span()));
                self.replace(expression.span(), vec![inner]);
            }
            _ => {}
        }
        visit::visit_expr(self, expression);
    }

    fn visit_pat(&mut self, pattern: &'ast Pat) {
        if let Pat::Guard(guard) = pattern {
            self.condition(&guard.guard);
            self.visit_expr(&guard.guard);
        }
    }

    fn visit_type(&mut self, _: &'ast Type) {}
    fn visit_path_arguments(&mut self, _: &'ast syn::PathArguments) {}
    fn visit_generics(&mut self, _: &'ast syn::Generics) {}
    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}
    fn visit_item_const(&mut self, _: &'ast syn::ItemConst) {}
    fn visit_item_static(&mut self, _: &'ast syn::ItemStatic) {}
    fn visit_impl_item_const(&mut self, _: &'ast syn::ImplItemConst) {}
    fn visit_trait_item_const(&mut self, _: &'ast syn::TraitItemConst) {}
    fn visit_variant(&mut self, _: &'ast syn::Variant) {}
}
