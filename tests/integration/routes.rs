//! Ways to the origin: each edge behind one name as an output, and credentials of channels in a database.

use crate::database::Stack;
use crate::exporter::{Exporter, Files, command, live_origin, value};
use crate::nginx::Nginx;
use crate::prometheus::free_port;
use packager_testbed::postgres::Postgres;
use serde_json::json;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[tokio::test(flavor = "multi_thread")]
async fn each_edge_behind_one_name_is_an_output_of_its_own() {
    let origin = live_origin().await;
    let address = origin.url("/").trim_start_matches("http://").trim_end_matches('/').to_owned();
    let port = address.rsplit_once(':').unwrap().1.to_owned();
    let path = origin.url("/live/TV1/master.m3u8").split_once(&address).unwrap().1.to_owned();
    let files = Files::new(&[]);
    files.write(
        "channels.yml",
        &format!(
            "channels:\n  EDGES:\n    outputs:\n      edge-1: {{url: 'http://live.invalid{path}', connect_to: '{address}'}}\n      \
             edge-2: {{url: 'http://live.invalid{path}', connect_to: '127.0.0.1:9'}}\n  \
             EACH:\n    outputs:\n      cdn: {{url: 'http://localhost:{port}{path}', resolve: each, ip_protocol: ip4}}\n"
        ),
    );
    let exporter = Exporter::spawn(&mut command(files.folder()), &[]).await;
    let edges = exporter.get("/probe?target=EDGES").await.1;
    let up = |text: &str, output: &str| {
        value(
            text,
            &format!("packager_check_ok{{check=\"manifest_unavailable\",severity=\"critical\",output=\"{output}\"}}"),
        )
    };
    assert_eq!((up(&edges, "edge-1"), up(&edges, "edge-2")), (Some(1.0), Some(0.0)), "{edges}");
    let each = exporter.get("/probe?target=EACH").await.1;
    assert_eq!(up(&each, "cdn-127.0.0.1"), Some(1.0), "{each}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_of_a_database_names_its_credentials_and_nobody_reads_them() {
    let files = Files::new(&[]);
    files.write("exporter.yml", "catalog: {secrets: secrets}\n");
    std::fs::create_dir(files.path("secrets")).unwrap();
    files.write("secrets/password", "s3cret\n");
    files.write("outside", "s3cret\n");
    let stack = Stack::within(files, Postgres::start(), &[]).await;
    let request = json!({"basic_auth": {"username": "noc", "password_file": "password"}, "ip_protocol": "ip4"});
    let channel = json!({"channel_code": "CH_1", "input_url": "http://127.0.0.1:9/a.m3u8", "request": request});
    let (status, shown) = stack.json("POST", "/channels", &channel).await;
    assert_eq!(status, 201, "{shown}");
    let hidden = json!({"basic_auth": {"username": "<hidden>", "password_file": "<hidden>"}, "ip_protocol": "ip4"});
    let (_, read) = stack.get("/channels/CH_1").await;
    assert_eq!(read["request"], hidden);
    // What was read is sent back, with another name.
    let mut back = read;
    back["channel_name"] = "Renamed".into();
    assert_eq!(stack.json("PUT", "/channels/CH_1", &back).await.0, 200);
    let stored = stack.postgres.sql("SELECT request->'basic_auth'->>'password_file' FROM channels");
    assert_eq!(stored.trim(), "password");
    for (bad, expected) in [
        (json!({"bearer_token": "s3cret"}), "bearer_token_file"),
        (json!({"basic_auth": {"username": "u", "password": "s3cret"}}), "password_file"),
        (json!({"bearer_token_file": "../outside"}), "catalog.secrets"),
        (json!({"bearer_token_file": "/etc/hostname"}), "catalog.secrets"),
        (json!({"bearer_token_file": "gone"}), "there is no file"),
        (json!({"headers": {"X-Key": "s3cret"}}), "header_files"),
    ] {
        let (status, refused) = stack.json("PATCH", "/channels/CH_1", &json!({"request": bad})).await;
        let refused = refused.to_string();
        assert!(status == 422 && refused.contains(expected) && !refused.contains("s3cret"), "{status} {refused}");
    }
}

/// Serves one client of a SOCKS proxy (RFC 1928) that wants the name `noc` with the password `s3cret` (RFC 1929), and
/// returns the address to which the client wanted to be connected. `None`: the client is refused.
async fn socks(mut client: TcpStream, seen: Arc<Mutex<Vec<SocketAddr>>>) -> Option<()> {
    let mut head = [0; 2];
    client.read_exact(&mut head).await.ok()?;
    let mut methods = vec![0; head[1].into()];
    client.read_exact(&mut methods).await.ok()?;
    client.write_all(&[5, 2]).await.ok()?;
    let mut login = [0; 12];
    client.read_exact(&mut login).await.ok()?;
    let is_known = &login == b"\x01\x03noc\x06s3cret";
    client.write_all(&[1, u8::from(!is_known)]).await.ok()?;
    // CONNECT to an IPv4 address: what was judged, and no name.
    let mut request = [0; 10];
    client.read_exact(&mut request).await.ok().filter(|_| is_known && request[1] == 1 && request[3] == 1)?;
    let address = Ipv4Addr::new(request[4], request[5], request[6], request[7]);
    let target = SocketAddr::from((address, u16::from_be_bytes([request[8], request[9]])));
    seen.lock().unwrap().push(target);
    let mut server = TcpStream::connect(target).await.ok()?;
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.ok()?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await.ok().map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_is_probed_through_a_socks_proxy_with_a_password() {
    let origin = live_origin().await;
    let seen: Arc<Mutex<Vec<SocketAddr>>> = Arc::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = listener.local_addr().unwrap();
    let log = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(socks(client, Arc::clone(&log)));
        }
    });
    let files = Files::new(&[]);
    files.write("right", "s3cret\n");
    files.write("wrong", "s3cres\n");
    let channel = |code: &str, password: &str| {
        let url = format!("http://localhost:{}/live/TV1/master.m3u8", origin.addr.port());
        let request = format!(
            "{{proxy_url: 'socks5://{proxy}', proxy_auth: {{username: noc, password_file: {password}}}, ip_protocol: ip4}}"
        );
        format!("  {code}: {{input_url: '{url}', request: {request}}}\n")
    };
    files.write("channels.yml", &format!("channels:\n{}{}", channel("OPEN", "right"), channel("SHUT", "wrong")));
    let exporter = Exporter::spawn(&mut command(files.folder()), &[]).await;
    let (_, open) = exporter.get("/probe?target=OPEN").await;
    assert_eq!(value(&open, "probe_success"), Some(1.0), "{open}");
    let targets = seen.lock().unwrap().clone();
    assert!(targets.len() > 1 && targets.iter().all(|target| *target == origin.addr), "{targets:?}");
    let (_, shut) = exporter.get("/probe?target=SHUT&debug=true").await;
    let why = format!("the proxy {proxy} wants other credentials");
    assert!(value(&shut, "probe_success") == Some(0.0) && shut.contains(&why) && !shut.contains("s3cres"), "{shut}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_accepts_the_signed_urls_of_a_channel_and_no_others() {
    let origin = live_origin().await;
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let configuration = format!(
        "worker_processes auto;\nevents {{ worker_connections 64; }}\nhttp {{\n  access_log off;\n  server {{\n    listen 127.0.0.1:{port};\n    \
         location / {{\n      secure_link $arg_md5,$arg_expires;\n      secure_link_md5 \"$secure_link_expires$uri s3cret\";\n      \
         if ($secure_link = \"\") {{ return 403; }}\n      if ($secure_link = \"0\") {{ return 410; }}\n      \
         proxy_pass http://{}$uri;\n    }}\n  }}\n}}\n",
        origin.addr
    );
    let _nginx = Nginx::start(folder.path(), &configuration);
    let files = Files::new(&[]);
    files.write("key", "s3cret\n");
    let signed =
        "request: {signed_url: {scheme: nginx_secure_link, key_file: key, expression: '{expires}{path} {key}'}}";
    let channel = |code: &str, path: &str, request: &str| {
        format!("  {code}: {{input_url: 'http://127.0.0.1:{port}/{path}'{request}}}\n")
    };
    files.write(
        "channels.yml",
        &format!(
            "channels:\n{}{}{}",
            channel("SIGNED", "live/TV1/master.m3u8", &format!(", {signed}")),
            // nginx decodes the path before it compares the token.
            channel("ENCODED", "live/T%561/master.m3u8", &format!(", {signed}")),
            channel("BARE", "live/TV1/master.m3u8", "")
        ),
    );
    let exporter = Exporter::spawn(&mut command(files.folder()), &[]).await;
    for (code, success) in [("SIGNED", 1.0), ("ENCODED", 1.0), ("BARE", 0.0)] {
        let (_, text) = exporter.get(&format!("/probe?target={code}&debug=true")).await;
        assert_eq!(value(&text, "probe_success"), Some(success), "{code}: {text}");
        assert!(!text.contains("s3cret"), "{text}");
    }
}
