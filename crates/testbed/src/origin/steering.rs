//! Content steering: manifests with two pathways and a steering server, and that server's answers.

/// Name of the steering server's answer in a channel's folder.
pub(super) const FILE: &str = "steering.json";
/// Folder of a channel's second pathway.
const SECOND: &str = "cdn-b";

/// TTL and a pathway that is a copy of the first one at another address of this machine, on which the origin doesn't listen.
const DEAD_CLONE: &str =
    r#""TTL":30,"PATHWAY-CLONES":[{"BASE-ID":"a","ID":"c","URI-REPLACEMENT":{"HOST":"127.0.0.9"}}],"#;

/// A fault of a steering server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SteeringFault {
    /// The steering server answers 503.
    Down,
    /// The answer of the steering server has no TTL.
    TtlMissing,
    /// The answer of the steering server names other pathways than the manifest.
    OtherPathways,
    /// The steering server sends players to a pathway that answers 404.
    DeadPathway,
    /// The steering server adds a pathway, at a host where nothing listens, and sends players there.
    DeadClone,
}

/// Returns the path within a channel's folder without the folder of the second pathway.
pub(super) fn without_pathway<'a, 'b>(rest: &'a [&'b str]) -> &'a [&'b str] {
    match rest {
        [SECOND, rest @ ..] => rest,
        _ => rest,
    }
}

/// Adds a steering server to a multivariant playlist, and lists each variant once more in a second pathway.
pub(super) fn multivariant(text: &str, fault: Option<SteeringFault>) -> String {
    let folder = if fault == Some(SteeringFault::DeadPathway) { "gone" } else { SECOND };
    let (mut first, mut second) = (String::new(), String::new());
    for line in text.split_inclusive('\n') {
        let stream = line.strip_prefix("#EXT-X-STREAM-INF:").map(str::trim_end);
        match stream {
            Some(list) => {
                first.push_str(&format!("#EXT-X-STREAM-INF:{list},PATHWAY-ID=\"a\"\n"));
                second.push_str(&format!("#EXT-X-STREAM-INF:{list},PATHWAY-ID=\"b\"\n"));
            }
            None if line.starts_with('#') => first.push_str(line),
            None => {
                first.push_str(line);
                second.push_str(&format!("{folder}/{line}"));
            }
        }
    }
    format!("{first}{second}#EXT-X-CONTENT-STEERING:SERVER-URI=\"{FILE}\",PATHWAY-ID=\"a\"\n")
}

/// Adds a steering server and a second base URL to an MPD.
pub(super) fn mpd(text: &str) -> String {
    let begin = text.find("<MPD").unwrap_or_default();
    let Some(end) = text[begin..].find('>').map(|at| begin + at + 1) else { return text.to_owned() };
    let (head, rest) = text.split_at(end);
    let bases = format!(
        "<BaseURL serviceLocation=\"a\">./</BaseURL>\n<BaseURL serviceLocation=\"b\">{SECOND}/</BaseURL>\n\
         <ContentSteering defaultServiceLocation=\"a\" queryBeforeStart=\"true\">{FILE}</ContentSteering>"
    );
    format!("{head}\n{bases}{rest}")
}

/// Returns the answer of the steering server; `None` if it is down.
pub(super) fn answer(fault: Option<SteeringFault>) -> Option<String> {
    let (ttl, priority) = match fault {
        Some(SteeringFault::Down) => return None,
        Some(SteeringFault::TtlMissing) => ("", r#""a","b""#),
        Some(SteeringFault::OtherPathways) => (r#""TTL":30,"#, r#""x","y""#),
        Some(SteeringFault::DeadPathway) => (r#""TTL":30,"#, r#""b","a""#),
        Some(SteeringFault::DeadClone) => (DEAD_CLONE, r#""c","a""#),
        None => (r#""TTL":30,"#, r#""z","b","a""#),
    };
    Some(format!("{{\"VERSION\":1,{ttl}\"RELOAD-URI\":\"{FILE}?again=1\",\"PATHWAY-PRIORITY\":[{priority}]}}\n"))
}
