use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::Fetched;
use crate::finding::Severity;
use packager_media::redact;
use packager_media::units::{Seconds, Timestamp};
use std::collections::BTreeMap;

pub const META: CheckMeta = CheckMeta {
    id: "certificate_expiring",
    severity: Severity::Major,
    group: CheckGroup::Delivery,
    scope: CheckScope::Any,
    alert: Some("CertificateExpiring"),
    help: "fails when a certificate ends within the template's days that clients need to trust a server that answered: its own, or one on \
           the path to a trusted certificate",
    reference: "RFC 5280 4.1.2.5, 6.1",
    needs_history: false,
};

params! {
    /// Days before the end of its validity from which on a certificate fails the check. Certificates that are valid for
    /// six days are renewed while more than three days are left.
    days: f64 = 3.0,
}

const NONE: &str = "no answer came over TLS";

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    let output = context.output;
    let renditions = output.renditions.iter().flat_map(|r| {
        let segments = r.segments.iter().map(|s| &s.fetched);
        r.playlist.iter().chain(r.inits.iter().map(|i| &i.fetched)).chain(segments)
    });
    let mut ends: BTreeMap<String, (Timestamp, &Fetched)> = BTreeMap::new();
    for fetched in std::iter::once(&output.manifest).chain(renditions) {
        let Some((host, end)) = certificate(fetched) else { continue };
        let first = ends.entry(host).or_insert((end, fetched));
        if end < first.0 {
            *first = (end, fetched);
        }
    }
    if ends.is_empty() {
        return CheckVerdict::NotRun(NONE);
    }
    CheckVerdict::Ran(
        ends.iter().filter_map(|(host, (end, fetched))| judge(context, params, host, *end, fetched)).collect(),
    )
}

/// Returns the last host in the chain of redirects and the end of validity of its certificate. `None`: the connection
/// has no TLS.
fn certificate(fetched: &Fetched) -> Option<(String, Timestamp)> {
    let exchange = fetched.result.as_ref().ok()?;
    Some((exchange.final_url.host_str()?.to_owned(), exchange.certificate_expiry?))
}

fn judge(
    context: &CheckContext<'_>,
    params: &Params,
    host: &str,
    end: Timestamp,
    fetched: &Fetched,
) -> Option<Violation> {
    let days = Seconds::between(context.now, end).0 / 86_400.0;
    if days > params.days {
        return None;
    }
    let message = match days {
        left if left > 0.0 => format!("the certificate of {host} ends in {left:.1} days, at {end}: renew it"),
        _ => format!("the certificate of {host} ended at {end}"),
    };
    let violation = Violation::new(message).with("url", redact::url(&fetched.url)).with("host", host);
    Some(violation.with("not_after", end.to_string()).with("days", days))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;

    const DAY: f64 = 86_400.0;

    fn run(scene: &Scene) -> CheckVerdict {
        check(&scene.context(), &Params::default())
    }

    fn ends(scene: &mut Scene, seconds: f64) {
        scene.output.manifest.result.as_mut().unwrap().certificate_expiry = Some(time(seconds));
    }

    #[test]
    fn three_days_are_the_boundary() {
        let mut scene = Scene::live();
        ends(&mut scene, 3.0 * DAY + 1.0);
        assert_holds(run(&scene));
        ends(&mut scene, 3.0 * DAY);
        let message = messages(run(&scene));
        assert!(message.starts_with("the certificate of packager.example ends in 3.0 days"), "{message}");
        ends(&mut scene, -1.0);
        assert!(messages(run(&scene)).contains("ended at"));
    }

    #[test]
    fn one_violation_a_host() {
        let mut scene = Scene::live();
        ends(&mut scene, DAY);
        let playlist = scene.rendition().playlist.as_mut().unwrap().result.as_mut().unwrap();
        playlist.certificate_expiry = Some(time(DAY / 2.0));
        let found = violations(run(&scene));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].evidence["days"], 0.5);
    }

    #[test]
    fn plain_http_has_no_certificate() {
        assert_not_run(run(&Scene::live()), NONE);
    }
}
