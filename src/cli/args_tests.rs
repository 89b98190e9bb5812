use super::*;
use clap::CommandFactory;

fn parse(line: &str) -> Result<Cli, String> {
    Cli::try_parse_from(format!("packager_exporter {line}").split_whitespace()).map_err(|e| e.to_string())
}

fn serve(line: &str) -> Serve {
    let cli = parse(line).unwrap();
    assert!(cli.command.is_none());
    cli.serve
}

#[test]
fn the_definition_holds_together() {
    Cli::command().debug_assert();
}

#[test]
fn flags_without_a_subcommand_mean_serve() {
    let plain = serve("");
    assert_eq!(plain.config.file, None);
    assert_eq!(plain.listen, [":10115".parse().unwrap()]);
    assert_eq!((plain.timeout_offset, plain.history_limit), (Duration::from_millis(500), 100));
    let args = serve(
        "--config.file x.yml --log.level debug --log.format json --web.listen-address :1 --web.listen-address [::1]:2",
    );
    assert_eq!(args.listen.len(), 2);
    assert_eq!((args.log.level, args.log.format), (Level::Debug, Format::Json));
    let Some(Command::Serve(same)) = parse("serve --config.file x.yml").unwrap().command else { panic!("not serve") };
    assert_eq!(same.config.file, args.config.file);
}

#[test]
fn an_exporter_shares_channels_under_an_address_that_others_reach() {
    assert_eq!(serve("").sharing(), None);
    let args = serve("--cluster.address exporter-01.internal:10115 --cluster.weight 0.5 --probe.name EDGE");
    let own = args.sharing().unwrap();
    assert_eq!((own.address.as_str(), own.weight), ("exporter-01.internal:10115", 0.5));
    assert_eq!((own.probe.as_deref(), args.name()), (Some("EDGE"), "exporter-01.internal:10115".to_owned()));
    assert_eq!(serve("--probe.name EDGE").name(), "EDGE");
    assert!(parse("--cluster.address [2001:db8::1]:10115").is_ok());
    for bad in [":10115", "0.0.0.0:10115", "[::]:10115", "exporter-01", "exporter-01:0", "http://exporter-01:10115"] {
        assert!(parse(&format!("--cluster.address {bad}")).unwrap_err().contains("as Prometheus reaches it"), "{bad}");
    }
    for bad in ["0", "-1", "101", "NaN", "inf", "x"] {
        let line = format!("--cluster.address a:1 --cluster.weight={bad}");
        assert!(parse(&line).unwrap_err().contains("from 0.01 to 100"), "{bad}");
    }
    assert!(parse("--cluster.weight 2").unwrap_err().contains("--cluster.address"));
}

#[test]
fn a_flag_of_serve_before_another_subcommand_is_refused_not_ignored() {
    assert!(parse("--log.level debug probe CH1").unwrap_err().contains("cannot be used with"));
}

#[test]
fn a_probe_can_be_repeated_for_a_while() {
    let Some(Command::Probe(args)) = parse("probe CH1 --every 2s --for 30s --format prometheus").unwrap().command
    else {
        panic!("not probe")
    };
    assert_eq!((args.every, args.lasting), (Some(Duration::from_secs(2)), Some(Duration::from_secs(30))));
    assert_eq!((args.target.as_str(), args.format), ("CH1", ReportFormat::Prometheus));
    assert!(parse("probe CH1 --for 30s").unwrap_err().contains("--every"));
    assert!(parse("probe CH1 --every 0s").unwrap_err().contains("longer than nothing"));
    assert!(parse("probe").is_err());
}

#[test]
fn the_route_prefix_comes_from_the_external_url_unless_it_is_given() {
    let of = |line| serve(line).prefixes();
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(of(""), pair("", ""));
    assert_eq!(of("--web.route-prefix /a/b/"), pair("/a/b", "/a/b"));
    assert_eq!(of("--web.external-url https://mon.example/px/"), pair("/px", "/px"));
    assert_eq!(of("--web.external-url https://mon.example/px --web.route-prefix /"), pair("", "/px"));
}

#[test]
fn bad_values_are_refused_with_what_may_stand_there() {
    let cases = [
        ("--web.listen-address 10115", "[::]:10115"),
        ("--web.route-prefix /a/../b", "write a path"),
        ("--web.route-prefix /{a}", "write a path"),
        ("--web.external-url ftp://x/", "http://"),
        ("--timeout-offset soon", "0.5"),
        ("--timeout-offset=-1", "0.5"),
        ("--log.level loud", "debug"),
        ("--history.limit 1000000", "10000"),
    ];
    for (line, expected) in cases {
        let error = parse(line).unwrap_err();
        assert!(error.contains(expected), "{line}: {error}");
    }
}

/// Parses every command line that the documents show.
#[test]
fn every_command_of_the_documents_is_understood() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![root.join("README.md")];
    for folder in ["docs", "docs/runbooks"] {
        files.extend(std::fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path()));
    }
    let mut read = 0;
    for file in files.iter().filter(|file| file.extension().is_some_and(|e| e == "md")) {
        let text = std::fs::read_to_string(file).unwrap();
        for line in text.lines().map(str::trim).filter(|line| line.starts_with("$ ") || line.starts_with("# ")) {
            let words = line.split_whitespace().skip(1).skip_while(|word| word.contains('='));
            let mut words = words.take_while(|word| !matches!(*word, "#" | ">" | "|"));
            if words.next().is_some_and(|program| program.ends_with("packager_exporter")) {
                let rest: Vec<&str> = words.collect();
                if let Err(error) = parse(&rest.join(" ")) {
                    panic!("{}: {line}\n{error}", file.display());
                }
                read += 1;
            }
        }
    }
    assert!(read > 30, "{read}");
}

#[test]
fn links_lead_to_the_external_url_or_to_the_first_listening_address() {
    let of = |flags: &str| serve(flags).links();
    assert_eq!(of("--web.listen-address 127.0.0.1:9115").exporter, "http://127.0.0.1:9115");
    assert_eq!(of("--web.listen-address [::1]:9115 --web.route-prefix /px").exporter, "http://[::1]:9115/px");
    assert_eq!(of("--web.external-url https://mon.example/px/").exporter, "https://mon.example/px");
    let machine = of("").exporter;
    assert!(machine.starts_with("http://") && machine.ends_with(":10115") && machine.len() > 14, "{machine}");
    let grafana = of("--grafana.url https://g.example/grafana/").grafana;
    assert_eq!((grafana.as_str(), of("").grafana.as_str()), ("https://g.example/grafana", ""));
}

#[test]
fn the_name_of_the_installation_is_one_short_line() {
    let title = |text: &str| {
        let args = ["packager_exporter", "serve", "--web.page-title", text];
        match Cli::try_parse_from(args).map_err(|e| e.to_string())?.command {
            Some(Command::Serve(args)) => Ok::<_, String>(args.page_title.unwrap()),
            _ => panic!("not serve"),
        }
    };
    assert_eq!(title(" NOC Hà Nội ").unwrap(), "NOC Hà Nội");
    assert!(title(&"x".repeat(60)).is_ok());
    for wrong in ["", "  ", "a\nb", &"x".repeat(61)] {
        assert!(title(wrong).unwrap_err().contains("1 to 60 characters on one line"), "{wrong:?}");
    }
}

#[test]
fn files_are_inspected_in_their_order() {
    let Some(Command::Inspect(args)) = parse("inspect init.mp4 - --no-decode --format json").unwrap().command else {
        panic!("not inspect")
    };
    assert_eq!((args.files.len(), args.no_decode, args.format), (2, true, InspectFormat::Json));
    assert!(parse("inspect").is_err());
    let Some(Command::Scte35(args)) = parse("scte35 /DAvAAAA").unwrap().command else { panic!("not scte35") };
    assert_eq!((args.section.as_str(), args.format), ("/DAvAAAA", InspectFormat::Text));
}
