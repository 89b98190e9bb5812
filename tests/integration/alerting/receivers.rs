//! Mocks of the alert receivers Slack (webhook) and mail relay, which keep what they receive.

use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};

pub(super) type Received = Arc<Mutex<Vec<String>>>;

/// Starts a web server that answers every POST with 200 and keeps it as `PATH BODY`.
pub(super) async fn webhook() -> (String, Received) {
    let received = Received::default();
    let kept = received.clone();
    let keep = move |uri: axum::http::Uri, body: String| {
        kept.lock().unwrap().push(format!("{} {body}", uri.path()));
        async { "ok" }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(keep)).await });
    (address, received)
}

/// Starts a mail server that accepts every mail (RFC 5321, no extension) and keeps its text.
pub(super) async fn mail_server() -> (String, Received) {
    let received = Received::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let kept = received.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(mail(stream, kept.clone()));
        }
    });
    (address, received)
}

async fn mail(stream: TcpStream, kept: Received) -> std::io::Result<()> {
    let mut stream = BufStream::new(stream);
    let (mut text, mut data) = (String::new(), false);
    let mut answer = "220 here\r\n";
    loop {
        stream.write_all(answer.as_bytes()).await?;
        stream.flush().await?;
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let word = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        answer = match (data, line.as_str(), word.as_str()) {
            (true, ".\r\n", _) => {
                data = false;
                kept.lock().unwrap().push(std::mem::take(&mut text));
                "250 kept\r\n"
            }
            (true, ..) => {
                text.push_str(&line);
                ""
            }
            (false, _, "DATA") => {
                data = true;
                "354 go on\r\n"
            }
            (false, _, "QUIT") => "221 bye\r\n",
            _ => "250 ok\r\n",
        };
    }
}
