//! `cargo xtask mutants`: how many small changes of the code the tests notice.
//!
//! A seed draws a sample of changes: a comparison, a boolean or arithmetic operator, a literal, a condition, a statement,
//! a returned value. All of them are compiled into one copy of the workspace, each behind a switch that the variable
//! `MUTANT` turns on, so that a sample costs one build. Then the unit tests run once for each mutant, those of its module
//! first, until one fails.

mod judge;
mod rewrite;
mod sample;
mod scratch;
mod sites;
#[cfg(test)]
mod tests;

use clap::Parser;
use judge::{Selection, TestProgram, Verdict};
use sample::Mutant;
use scratch::{Scratch, TestPrograms};
use std::io::{self, Write as _};
use std::path::Path;

/// Changes the code in small ways, and shows which changes no test notices.
#[derive(Parser)]
#[command(name = "cargo xtask mutants", no_binary_name = true)]
struct Arguments {
    /// Number that the sample is drawn by: the same number draws the same mutants.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many mutants are drawn.
    #[arg(long, default_value_t = 100)]
    count: usize,
    /// Run only the mutants with these numbers of the table.
    #[arg(long, value_delimiter = ',')]
    only: Vec<usize>,
    /// Run only the mutants of files whose paths contain this text.
    #[arg(long)]
    file: Option<String>,
    /// For mutants that the unit tests don't notice: run the integration tests whose names contain this text. May be repeated.
    #[arg(long)]
    integration: Vec<String>,
    /// Print the sample and run nothing.
    #[arg(long)]
    list: bool,
}

/// Draws a sample, judges its mutants and prints a table.
///
/// # Errors
/// When an argument is wrong, the copy can't be built, or a test fails without a mutant.
pub(crate) fn run(arguments: &[String]) -> Result<(), Box<dyn std::error::Error>> {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let drawn = sample::draw(&root, arguments.seed)?;
    println!("Seed {}, {} mutants of {} places.\n", arguments.seed, arguments.count, drawn.len());
    if arguments.list {
        for (number, mutant) in drawn.iter().take(arguments.count).enumerate() {
            println!("{}", row(number, mutant, ""));
        }
        return Ok(());
    }
    let scratch = Scratch::copy(&root, &drawn)?;
    let (mut numbers, programs) = scratch.build(&drawn, arguments.count, !arguments.integration.is_empty())?;
    numbers.retain(|number| arguments.only.is_empty() || arguments.only.contains(number));
    numbers.retain(|number| {
        arguments.file.as_ref().is_none_or(|text| drawn[*number].file.to_string_lossy().contains(text.as_str()))
    });
    let judges = Judges::measure(programs, scratch.folder(), arguments.integration)?;
    println!("| mutant | place | change | noticed by |\n|---|---|---|---|");
    let mut noticed = 0;
    for number in &numbers {
        let verdict = judges.verdict(*number, &drawn[*number])?;
        noticed += usize::from(verdict != Verdict::Survived);
        println!("{}", row(*number, &drawn[*number], &verdict.to_string()));
        io::stdout().flush()?;
    }
    println!("\n{noticed} of {} mutants were noticed.", numbers.len());
    Ok(())
}

fn row(number: usize, mutant: &Mutant, verdict: &str) -> String {
    let (file, site) = (mutant.file.display(), &mutant.site);
    let change = mutant.description.replace('|', "\\|");
    format!("| {number} | {file}:{} `{}` | `{change}` | {verdict} |", site.line, site.function)
}

/// The test programs, and how long they take without a mutant.
struct Judges {
    media: TestProgram,
    root: TestProgram,
    integration: Option<(TestProgram, Selection)>,
}

impl Judges {
    fn measure(programs: TestPrograms, folder: &Path, integration: Vec<String>) -> io::Result<Self> {
        let (all, media_folder) = (Selection::default(), folder.join("crates/media"));
        let media = TestProgram::measured(programs.media, &media_folder, &all)?;
        let root = TestProgram::measured(programs.root, folder, &all)?;
        eprintln!("without a mutant: media {:?}, exporter {:?}", media.pace, root.pace);
        let named = Selection { only: integration, ..Selection::default() };
        let integration = match programs.integration {
            Some(path) => Some((TestProgram::measured(path, folder, &named)?, named)),
            None => None,
        };
        Ok(Self { media, root, integration })
    }

    fn verdict(&self, number: usize, mutant: &Mutant) -> io::Result<Verdict> {
        let all = Selection::default();
        let mut runs: Vec<(&TestProgram, Selection)> = Vec::new();
        let own = if mutant.file.starts_with("crates/media") { &self.media } else { &self.root };
        runs.extend(nearest_first(&mutant.file).into_iter().map(|selection| (own, selection)));
        if mutant.file.starts_with("crates/media") {
            runs.push((&self.root, all));
        }
        runs.extend(self.integration.iter().map(|(program, selection)| (program, selection.clone())));
        for (program, selection) in runs {
            let verdict = program.verdict(number, &selection)?;
            if verdict != Verdict::Survived {
                return Ok(verdict);
            }
        }
        Ok(Verdict::Survived)
    }
}

/// Returns the tests of a crate in three steps: those of the file's module, those of its outermost module, the others.
fn nearest_first(file: &Path) -> Vec<Selection> {
    let file = file.strip_prefix("crates/media").unwrap_or(file).with_extension("");
    let parts = file.iter().skip(1).map(|part| part.to_string_lossy().into_owned());
    let parts: Vec<String> = parts.filter(|part| part != "mod").collect();
    let (outermost, module) = (format!("{}::", parts[0]), format!("{}::", parts.join("::")));
    let selection = |only: Option<&String>, skip: Option<&String>| Selection {
        only: only.into_iter().cloned().collect(),
        skip: skip.into_iter().cloned().collect(),
    };
    if module == outermost {
        return vec![selection(Some(&outermost), None), selection(None, Some(&outermost))];
    }
    vec![selection(Some(&module), None), selection(Some(&outermost), Some(&module)), selection(None, Some(&outermost))]
}
