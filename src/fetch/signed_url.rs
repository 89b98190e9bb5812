//! Tokens of signed URLs, made for each request.

use crate::catalog::{SigningHash, SigningScheme, TokenEncoding, TokenPlace, UrlSigning, rsa_key};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD};
use md5::{Digest as _, Md5};
use packager_media::units::Timestamp;
use percent_encoding::percent_decode_str;
use ring::{digest, hmac, rand, signature};
use url::Url;

/// What a token adds to a request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct SignedParts {
    /// Parameters of the query. Their values are written as they are, since they have to arrive as they were signed.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) cookies: Vec<(String, String)>,
}

impl SignedParts {
    /// Makes the token for a request for `url` at the instant `now`. The result is empty for a URL outside of the path
    /// prefix, and for a URL that already has a token, as in playlists into which the server writes tokens.
    pub(crate) fn new(signing: &UrlSigning, url: &Url, now: Timestamp) -> Self {
        if !url.path().starts_with(&signing.path_prefix) {
            return Self::default();
        }
        let at = now.as_second() + i64::from(signing.clock_offset);
        let times = Times { start: at - BEGUN_BEFORE, expires: at + i64::from(signing.lifetime) };
        let mut parts = make(signing, url, times);
        let has = |name: &str| url.query_pairs().any(|(given, _)| given == name);
        if parts.query.iter().any(|(name, _)| has(name)) {
            parts.query.clear();
        }
        parts
    }

    /// `url` with the parameters of the token.
    pub(crate) fn apply(&self, url: &mut Url) {
        for (name, value) in &self.query {
            let before = url.query().filter(|query| !query.is_empty()).map(|query| format!("{query}&"));
            // Servers read a plus sign in a query as a space.
            let value = value.replace('+', "%2B");
            url.set_query(Some(&format!("{}{name}={value}", before.unwrap_or_default())));
        }
    }
}

/// Seconds before the request at which a token begins: clocks differ a little, and a server refuses a token that begins in its
/// future.
const BEGUN_BEFORE: i64 = 30;

/// Seconds since 1970 between which a token is valid.
#[derive(Clone, Copy)]
struct Times {
    start: i64,
    expires: i64,
}

fn make(signing: &UrlSigning, url: &Url, times: Times) -> SignedParts {
    let key = signing.key.0.as_slice();
    match &signing.scheme {
        SigningScheme::AkamaiEdgeAuth { parameter, send, acl, salt } => {
            at(*send, parameter, edge_auth(key, acl, &salt.0, times))
        }
        SigningScheme::Cloudfront { key_pair_id, resource } => {
            let own = format!("{}{}*", url.origin().ascii_serialization(), signing.path_prefix);
            SignedParts {
                cookies: cloudfront(key, key_pair_id, resource.as_deref().unwrap_or(&own), times),
                ..SignedParts::default()
            }
        }
        SigningScheme::NginxSecureLink { expression, parameter, expires_parameter } => {
            let (path, key) = (nginx_uri(url), String::from_utf8_lossy(key));
            let text = fill(expression, (url, &path), times, &signing.path_prefix, &key, "");
            let signature = BASE64_URL_SAFE_NO_PAD.encode(Md5::digest(text));
            let expires = (expires_parameter.clone(), times.expires.to_string());
            SignedParts { query: vec![(parameter.clone(), signature), expires], ..SignedParts::default() }
        }
        SigningScheme::WowzaSecureToken { parameter, hash, client_address } => {
            let query = wowza(&String::from_utf8_lossy(key), parameter, *hash, client_address.as_deref(), url, times);
            SignedParts { query, ..SignedParts::default() }
        }
        SigningScheme::Hmac { hash, message, token, parameter, send, encoding } => {
            let filled = |template: &str, signature: &str| {
                let key = String::from_utf8_lossy(key);
                fill(template, (url, url.path()), times, &signing.path_prefix, &key, signature)
            };
            let tag = hmac::sign(&hmac::Key::new(hmac_algorithm(*hash), key), filled(message, "").as_bytes());
            at(*send, parameter, filled(token, &encode(*encoding, tag.as_ref())))
        }
    }
}

fn at(place: TokenPlace, name: &str, token: String) -> SignedParts {
    let named = vec![(name.to_owned(), token)];
    match place {
        TokenPlace::Query => SignedParts { query: named, cookies: Vec::new() },
        TokenPlace::Cookie => SignedParts { query: Vec::new(), cookies: named },
    }
}

/// A token of Akamai's Auth Token 2.0 with an access list: fields in a fixed order, and an HMAC over them and the salt.
fn edge_auth(key: &[u8], acl: &str, salt: &[u8], times: Times) -> String {
    let fields = format!("st={}~exp={}~acl={acl}", times.start, times.expires);
    let mut signed = fields.clone().into_bytes();
    if !salt.is_empty() {
        signed.extend_from_slice(b"~salt=");
        signed.extend_from_slice(salt);
    }
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), &signed);
    format!("{fields}~hmac={}", encode(TokenEncoding::Hex, tag.as_ref()))
}

/// The cookies of CloudFront's custom policy. No cookie comes without a key that can sign, which the settings' reader demands.
fn cloudfront(key: &[u8], key_pair_id: &str, resource: &str, times: Times) -> Vec<(String, String)> {
    let policy = serde_json::json!({"Statement": [{"Resource": resource, "Condition": {
        "DateLessThan": {"AWS:EpochTime": times.expires}, "DateGreaterThan": {"AWS:EpochTime": times.start}}}]});
    let policy = policy.to_string();
    let Some(key) = rsa_key(key) else { return Vec::new() };
    let mut signed = vec![0; key.public().modulus_len()];
    let random = rand::SystemRandom::new();
    if key.sign(&signature::RSA_PKCS1_SHA256, &random, policy.as_bytes(), &mut signed).is_err() {
        return Vec::new();
    }
    let encode = |bytes: &[u8]| BASE64_STANDARD.encode(bytes).replace('+', "-").replace('=', "_").replace('/', "~");
    let cookie = |name: &str, value: String| (format!("CloudFront-{name}"), value);
    vec![
        cookie("Policy", encode(policy.as_bytes())),
        cookie("Signature", encode(&signed)),
        cookie("Key-Pair-Id", key_pair_id.to_owned()),
        cookie("Hash-Algorithm", "SHA256".to_owned()),
    ]
}

/// The parameters of Wowza's SecureToken 2: a hash over the content's path and, sorted, the public parameters, the address of the
/// client and the shared secret. The path of the content is that of the URL without the name of the playlist.
fn wowza(
    secret: &str,
    prefix: &str,
    hash: SigningHash,
    client: Option<&str>,
    url: &Url,
    times: Times,
) -> Vec<(String, String)> {
    let path = url.path().trim_start_matches('/');
    let content = path.rsplit_once('/').map_or(path, |(content, _)| content);
    let public = [
        (format!("{prefix}endtime"), times.expires.to_string()),
        (format!("{prefix}starttime"), times.start.to_string()),
    ];
    let mut signed: Vec<String> = public.iter().map(|(name, value)| format!("{name}={value}")).collect();
    signed.push(secret.to_owned());
    signed.extend(client.map(str::to_owned));
    signed.sort();
    let text = format!("{content}?{}", signed.join("&"));
    let hashed = digest::digest(digest_algorithm(hash), text.as_bytes());
    let hash = (format!("{prefix}hash"), BASE64_URL_SAFE.encode(hashed));
    public.into_iter().chain([hash]).collect()
}

/// The path of a URL as nginx has it in `$uri`, which its tokens are compared with: decoded, with each run of slashes as
/// one. A path that is not UTF-8 stays as it is written.
fn nginx_uri(url: &Url) -> String {
    let mut path = percent_decode_str(url.path()).decode_utf8().map_or_else(|_| url.path().to_owned(), String::from);
    while path.contains("//") {
        path = path.replace("//", "/");
    }
    path
}

fn fill(template: &str, (url, path): (&Url, &str), times: Times, prefix: &str, key: &str, signature: &str) -> String {
    // The key comes last, so that nothing in it is taken for a placeholder.
    template
        .replace("{path}", path)
        .replace("{host}", url.host_str().unwrap_or_default())
        .replace("{prefix}", prefix)
        .replace("{expires}", &times.expires.to_string())
        .replace("{start}", &times.start.to_string())
        .replace("{signature}", signature)
        .replace("{key}", key)
}

fn encode(encoding: TokenEncoding, bytes: &[u8]) -> String {
    match encoding {
        TokenEncoding::Hex => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        TokenEncoding::Base64 => BASE64_STANDARD.encode(bytes),
        TokenEncoding::Base64url => BASE64_URL_SAFE_NO_PAD.encode(bytes),
    }
}

fn hmac_algorithm(hash: SigningHash) -> hmac::Algorithm {
    match hash {
        SigningHash::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        SigningHash::Sha256 => hmac::HMAC_SHA256,
        SigningHash::Sha384 => hmac::HMAC_SHA384,
        SigningHash::Sha512 => hmac::HMAC_SHA512,
    }
}

fn digest_algorithm(hash: SigningHash) -> &'static digest::Algorithm {
    match hash {
        SigningHash::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        SigningHash::Sha256 => &digest::SHA256,
        SigningHash::Sha384 => &digest::SHA384,
        SigningHash::Sha512 => &digest::SHA512,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::SigningKey;

    const TIMES: Times = Times { start: 1_700_000_000, expires: 1_700_000_600 };

    fn key(bytes: &[u8]) -> SigningKey {
        SigningKey(bytes.to_vec())
    }

    fn signing(scheme: SigningScheme, key: &[u8]) -> UrlSigning {
        let key = SigningKey(key.to_vec());
        UrlSigning { scheme, key, lifetime: 600, clock_offset: 0, path_prefix: "/".to_owned() }
    }

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    /// The vectors were made with Akamai's own library (akamai-edgeauth of PyPI).
    #[test]
    fn akamais_tokens_are_those_of_its_library() {
        let secret = [0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99];
        let fields = "st=1700000000~exp=1700000600~acl=/live/*~hmac=";
        for (salt, hmac) in [
            ("", "9a19d4beb0ba6a0fa2d2471cfef25d8c2db7551843d0186c6991bbbfb31ed47b"),
            ("salt", "3091bdb87e939b74bdcebab5b92bfc3e0f9ad3b311f44ff29b0168a6f374fa44"),
        ] {
            assert_eq!(edge_auth(&secret, "/live/*", salt.as_bytes(), TIMES), format!("{fields}{hmac}"));
        }
    }

    /// The example of nginx's documentation of the module.
    #[test]
    fn nginxs_secure_link_is_that_of_its_documentation() {
        let parts_scheme = || SigningScheme::NginxSecureLink {
            expression: "{expires}{path}127.0.0.1 {key}".to_owned(),
            parameter: "md5".to_owned(),
            expires_parameter: "expires".to_owned(),
        };
        let times = Times { start: 0, expires: 2_147_483_647 };
        let parts = make(&signing(parts_scheme(), b"secret"), &url("http://h/s/link"), times);
        let mut signed = url("http://h/s/link?a=b");
        parts.apply(&mut signed);
        assert_eq!(signed.as_str(), "http://h/s/link?a=b&md5=_e4Nc3iduzkWRm01TBBNYw&expires=2147483647");
        // nginx's $uri of both is /s/link.
        for written in ["http://h/s/li%6Ek", "http://h//s//link"] {
            assert_eq!(make(&signing(parts_scheme(), b"secret"), &url(written), times), parts, "{written}");
        }
        assert_eq!(nginx_uri(&url("http://h/t%C3%AAn%20k%2525/%FF")), "/t%C3%AAn%20k%2525/%FF", "no UTF-8");
        assert_eq!(nginx_uri(&url("http://h/t%C3%AAn%20k%2525")), "/tên k%25");
    }

    /// The string to hash is that of the example with a client's address in Wowza's documentation.
    #[test]
    fn wowzas_token_hashes_path_parameters_address_and_secret_in_their_order() {
        let times = Times { start: 1_395_230_400, expires: 1_500_000_000 };
        let at = url("http://192.168.1.1:1935/vod/sample.mp4/playlist.m3u8");
        let query = wowza("mySharedSecret", "myTokenPrefix", SigningHash::Sha256, Some("192.168.1.2"), &at, times);
        let text = "vod/sample.mp4?192.168.1.2&mySharedSecret&myTokenPrefixendtime=1500000000&myTokenPrefixstarttime=1395230400";
        let hash = BASE64_URL_SAFE.encode(digest::digest(&digest::SHA256, text.as_bytes()));
        let expected = [("endtime", "1500000000"), ("starttime", "1395230400"), ("hash", hash.as_str())];
        let expected = expected.map(|(name, value)| (format!("myTokenPrefix{name}"), value.to_owned()));
        assert_eq!(query, expected);
    }

    #[test]
    fn cloudfronts_cookies_carry_a_policy_that_the_key_signed() {
        let pem = include_str!("../../tests/fixtures/signing/cloudfront.pem");
        let der =
            <rustls_pki_types::PrivateKeyDer<'_> as rustls_pki_types::pem::PemObject>::from_pem_slice(pem.as_bytes());
        let cookies = cloudfront(der.unwrap().secret_der(), "K2JCJMDEHXQW5F", "https://d1.example/live/*", TIMES);
        let expected: Vec<(String, String)> = include_str!("../../tests/fixtures/signing/cloudfront.txt")
            .lines()
            .map(|line| line.split_once('=').unwrap())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        assert_eq!(cookies, expected);
    }

    #[test]
    fn a_template_of_parts_makes_any_other_token() {
        let scheme = |send, encoding| SigningScheme::Hmac {
            hash: SigningHash::Sha1,
            message: "{start}:{expires}:{path}".to_owned(),
            token: "{expires}_{signature}".to_owned(),
            parameter: "tok".to_owned(),
            send,
            encoding,
        };
        let at = url("http://h/a.m3u8");
        let tag =
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"k"), b"1700000000:1700000600:/a.m3u8");
        let hex = format!("1700000600_{}", encode(TokenEncoding::Hex, tag.as_ref()));
        let parts = make(&signing(scheme(TokenPlace::Query, TokenEncoding::Hex), b"k"), &at, TIMES);
        assert_eq!(parts.query, [("tok".to_owned(), hex)]);
        let parts = make(&signing(scheme(TokenPlace::Cookie, TokenEncoding::Base64url), b"k"), &at, TIMES);
        assert!(parts.query.is_empty() && parts.cookies[0].1.starts_with("1700000600_"));
    }

    #[test]
    fn only_urls_below_the_prefix_without_a_token_of_their_own_are_signed() {
        let scheme = SigningScheme::AkamaiEdgeAuth {
            parameter: "hdnts".to_owned(),
            send: TokenPlace::Query,
            acl: "/live/*".to_owned(),
            salt: key(b""),
        };
        let signing = UrlSigning { path_prefix: "/live/".to_owned(), clock_offset: -30, ..signing(scheme, b"k") };
        let now = Timestamp::from_second(1_700_000_030).unwrap();
        let of = |text: &str| SignedParts::new(&signing, &url(text), now);
        assert!(of("http://h/live/a.m3u8").query[0].1.starts_with("st=1699999970~exp=1700000600~acl=/live/*~hmac="));
        assert_eq!(of("http://h/vod/a.m3u8"), SignedParts::default());
        assert_eq!(of("http://h/live/a.m3u8?hdnts=given"), SignedParts::default());
    }
}
