//! TLS failures in words: what is wrong, whose it is, and what to do.

use packager_media::redact;
use packager_media::units::Timestamp;
use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};
use rustls_pki_types::UnixTime;

/// The largest number of characters that are taken over from a library's error, which may quote the server.
const MAX_TEXT: usize = 200;
/// The largest number of a certificate's names in one message.
const MAX_LISTED: usize = 4;

/// The message of a TLS error on a connection to `host`, which has the form `name:port`.
pub(super) fn message(error: &Error, host: &str) -> String {
    match error {
        Error::InvalidCertificate(why) => certificate(why, host),
        Error::AlertReceived(alert) => alert_message(*alert, host),
        Error::InvalidMessage(_) | Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
            format!("{host} doesn't speak TLS on this port; should the URL begin with http://?")
        }
        Error::PeerIncompatible(why) => incompatible(why, host),
        Error::NoCertificatesPresented => {
            format!("{host} presented no certificate; configure one on the server")
        }
        Error::DecryptError | Error::PeerSentOversizedRecord | Error::PeerMisbehaved(_) => format!(
            "{host} broke the TLS protocol in the handshake; check the server's TLS software and what stands between it and \
             the exporter"
        ),
        Error::NoApplicationProtocol => {
            format!("{host} speaks neither HTTP/1.1 nor HTTP/2 over TLS; check the server's ALPN settings")
        }
        Error::General(text) => redact::sanitize_line(text, MAX_TEXT),
        _ => format!(
            "the handshake with {host} failed; check the server's TLS settings with `openssl s_client -connect {host}`"
        ),
    }
}

/// The message of a handshake that the connection's end interrupted.
pub(super) fn ended(host: &str, text: &str) -> String {
    format!(
        "TLS: {host} ended the connection within the handshake ({text}); it may demand another name (server_name), a client \
         certificate (cert_file), or be overloaded"
    )
}

fn incompatible(why: &PeerIncompatible, host: &str) -> String {
    use PeerIncompatible as P;
    match why {
        P::ServerDoesNotSupportTls12Or13 | P::ServerTlsVersionIsDisabledByOurConfig | P::Tls12NotOffered => {
            format!(
                "{host} offers only TLS 1.1 or older, which players refuse, too; enable TLS 1.2 and 1.3 on the server"
            )
        }
        P::NoCipherSuitesInCommon | P::NoKxGroupsInCommon | P::NoSignatureSchemesInCommon => format!(
            "{host} offers only ciphers that are considered broken; enable ECDHE with AES-GCM or ChaCha20-Poly1305 on the server"
        ),
        _ => format!("{host} lacks a TLS extension that current clients demand; update the server's TLS software"),
    }
}

/// What an alert of the server means (RFC 8446 6.2).
fn alert_message(alert: AlertDescription, host: &str) -> String {
    use AlertDescription as A;
    let (what, advice) = match alert {
        A::HandshakeFailure => ("found no TLS parameters in common", "check its versions and ciphers, and server_name"),
        A::ProtocolVersion => ("accepts neither TLS 1.2 nor TLS 1.3", "enable them on the server"),
        A::InsufficientSecurity => ("demands stronger ciphers", "check the server's ciphers"),
        A::CertificateRequired | A::NoCertificate => {
            ("demands a client certificate", "set cert_file and key_file of the channel")
        }
        A::BadCertificate | A::UnsupportedCertificate | A::CertificateUnknown => {
            ("refused the client certificate", "check cert_file of the channel, or set it if there is none")
        }
        A::CertificateExpired => ("says that the client certificate has expired", "renew the one in cert_file"),
        A::CertificateRevoked => ("says that the client certificate is revoked", "renew the one in cert_file"),
        A::UnknownCA => {
            ("doesn't trust the issuer of the client certificate", "check cert_file and the server's client CA")
        }
        A::AccessDenied => ("refused access to this client", "check cert_file and the server's access rules"),
        A::UnrecognisedName => ("has no certificate for this name", "check the host of the URL, or set server_name"),
        A::NoApplicationProtocol => ("speaks neither HTTP/1.1 nor HTTP/2 over TLS", "check the server's ALPN settings"),
        A::InternalError => ("reported an internal error", "look into the server's log"),
        A::DecodeError | A::DecryptError | A::IllegalParameter | A::UnexpectedMessage | A::BadRecordMac => {
            ("didn't understand the handshake", "check the server's TLS software and what stands before it")
        }
        _ => ("ended the handshake", "look into the server's log"),
    };
    let code = u8::from(alert);
    format!("{host} {what} (TLS alert {code}): {advice}")
}

fn certificate(why: &CertificateError, host: &str) -> String {
    match why {
        CertificateError::Expired => format!("a certificate of {host} has expired; renew it on the server"),
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("a certificate of {host} expired on {}; renew it on the server", format_date(*not_after))
        }
        CertificateError::NotValidYet => {
            format!("a certificate of {host} is not valid yet; check the clocks of both hosts")
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!(
                "a certificate of {host} is not valid before {}; check the clocks of both hosts",
                format_date(*not_before)
            )
        }
        CertificateError::UnknownIssuer => format!(
            "unknown issuer of the certificate of {host}: set ca_file to its CA or to the certificate itself, or configure the \
             server to send its intermediate certificates"
        ),
        CertificateError::BadSignature => format!(
            "the signature of a certificate of {host} doesn't match the key of the trusted CA with that name: update \
             ca_file if the CA was renewed"
        ),
        CertificateError::NotValidForName => {
            format!("the certificate of {host} is for another name; correct the URL, or set server_name")
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            let names = presented.iter().take(MAX_LISTED).map(|name| plain_name(name)).collect::<Vec<_>>().join(", ");
            let names = if names.is_empty() { "it has no names of hosts".to_owned() } else { names };
            format!(
                "the certificate of {host} is for another name: {}; correct the URL, or set server_name",
                redact::sanitize_line(&names, MAX_TEXT)
            )
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => format!(
            "the certificate of {host} is not one for servers (its extended key usage lacks serverAuth); issue another"
        ),
        CertificateError::Revoked => format!("the certificate of {host} is revoked; install another on the server"),
        CertificateError::BadEncoding => format!("the certificate of {host} is malformed; issue another"),
        CertificateError::UnhandledCriticalExtension => format!(
            "a certificate of {host} has a critical extension that clients don't know, so that they must refuse it; issue another"
        ),
        other => match other.to_string() {
            text if text.contains("CaUsedAsEndEntity") => format!(
                "the certificate of {host} is marked as a CA's: list this certificate itself in ca_file, or issue one that isn't \
                 (basicConstraints CA:FALSE)"
            ),
            text if text.contains("Signature") || text.contains("PublicKey") => format!(
                "a certificate of {host} has a signature or key that clients refuse (SHA-1, RSA below 2048 bits, or a rare \
                 curve); issue another"
            ),
            text if text.contains("PathLen") || text.contains("EndEntityUsedAsCa") || text.contains("MaximumPath") => {
                format!(
                    "the certificates of {host} don't form a valid chain: a certificate issued another that it may not issue"
                )
            }
            text if text.contains("NameConstraint") => {
                format!(
                    "the CA of the certificate of {host} isn't allowed to issue for this name; issue it by another CA"
                )
            }
            text if text.contains("UnsupportedCertVersion") => {
                format!("the certificate of {host} is of X.509 version 1 or 2; issue one of version 3")
            }
            _ => format!(
                "the certificate of {host} is refused as invalid; look at it with `openssl s_client -connect {host}`"
            ),
        },
    }
}

/// A name of a certificate as the TLS library writes it (`DnsName("a.example")`), without its decoration.
fn plain_name(name: &str) -> &str {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
    inner.trim_matches('"')
}

fn format_date(at: UnixTime) -> String {
    let at = i64::try_from(at.as_secs()).ok().and_then(|s| Timestamp::from_second(s).ok());
    at.map_or_else(|| "an unknown date".to_owned(), |t| t.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn of(why: CertificateError) -> String {
        message(&Error::InvalidCertificate(why), "h:443")
    }

    #[test]
    fn a_refused_certificate_says_why_and_when() {
        let at = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let expired = CertificateError::ExpiredContext { time: at(2), not_after: at(86_400) };
        assert_eq!(of(expired), "a certificate of h:443 expired on 1970-01-02T00:00:00Z; renew it on the server");
        let early = CertificateError::NotValidYetContext { time: at(2), not_before: at(86_400) };
        let expected =
            "a certificate of h:443 is not valid before 1970-01-02T00:00:00Z; check the clocks of both hosts";
        assert_eq!(of(early), expected);
        assert!(of(CertificateError::UnknownIssuer).contains("set ca_file to its CA"));
        assert!(of(CertificateError::BadSignature).contains("update ca_file"));
    }

    #[test]
    fn every_refusal_names_the_server_and_no_rust_value() {
        use CertificateError as C;
        let other = |text: &'static str| C::Other(rustls::OtherError(std::sync::Arc::new(std::io::Error::other(text))));
        let all = [
            C::BadEncoding,
            C::Expired,
            C::NotValidYet,
            C::Revoked,
            C::UnhandledCriticalExtension,
            C::UnknownIssuer,
            C::UnknownRevocationStatus,
            C::BadSignature,
            C::NotValidForName,
            C::InvalidPurpose,
            C::ApplicationVerificationFailure,
            other("CaUsedAsEndEntity"),
            other("PathLenConstraintViolated"),
            other("NameConstraintViolation"),
            other("UnsupportedCertVersion"),
            other("anything"),
        ];
        let alerts =
            [0, 20, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 70, 71, 80, 86, 109, 110, 112, 116, 120, 255];
        let alerts = alerts.map(|code| Error::AlertReceived(AlertDescription::from(code)));
        let errors = all.into_iter().map(Error::InvalidCertificate).chain(alerts).chain([
            Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13),
            Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon),
            Error::PeerMisbehaved(rustls::PeerMisbehaved::BadCertChainExtensions),
            Error::NoCertificatesPresented,
            Error::NoApplicationProtocol,
            Error::DecryptError,
            Error::HandshakeNotComplete,
        ]);
        for error in errors {
            let text = message(&error, "h:443");
            assert!(text.contains("h:443"), "{text}");
            assert!(!text.contains("Error") && !text.contains("UsedAs") && !text.contains("Context"), "{text}");
            assert!(text.contains([';', ':']), "{text} says what to do");
        }
    }

    #[test]
    fn the_names_of_a_certificate_are_listed_plainly() {
        let presented =
            vec!["DnsName(\"a.example\")".to_owned(), "IpAddress(10.0.0.1)".to_owned(), "b.example".to_owned()];
        let expected = rustls_pki_types::ServerName::try_from("h").unwrap();
        let text = of(CertificateError::NotValidForNameContext { expected, presented });
        assert!(text.contains("is for another name: a.example, 10.0.0.1, b.example; "), "{text}");
    }
}
