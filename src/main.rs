use std::process::ExitCode;

fn main() -> ExitCode {
    packager_exporter::cli::main(std::env::args_os())
}
