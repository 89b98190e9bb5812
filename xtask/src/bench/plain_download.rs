//! HTTP client that downloads the same bytes as a probe in the same order and discards them, to compare the probe with.

use futures_util::future::join_all;
use reqwest::{Client, Response, Url, header};

#[derive(Clone)]
pub(super) struct PlainDownload {
    client: Client,
}

impl PlainDownload {
    pub(super) fn new() -> Self {
        Self { client: Client::builder().no_proxy().build().expect("a client") }
    }

    /// Downloads the multivariant playlist, then all media playlists at once, then the newest segment and one byte of
    /// the oldest segment of each. Returns the number of bytes.
    pub(super) async fn download(&self, master: &str) -> u64 {
        let url = Url::parse(master).expect("a URL");
        let text = self.text(url.clone()).await;
        let renditions = uris(&text).map(|uri| self.rendition(url.join(uri).expect("a URI")));
        text.len() as u64 + join_all(renditions).await.into_iter().sum::<u64>()
    }

    async fn rendition(&self, url: Url) -> u64 {
        let text = self.text(url.clone()).await;
        let newest = uris(&text).last().expect("a live playlist lists segments");
        let oldest = uris(&text).next().expect("a live playlist lists segments");
        let (newest, oldest) = (url.join(newest).expect("a URI"), url.join(oldest).expect("a URI"));
        let byte = self.client.get(oldest).header(header::RANGE, "bytes=0-0").send();
        let (whole, byte) =
            tokio::join!(async { drop_body(self.client.get(newest).send().await.expect("an answer")).await }, async {
                drop_body(byte.await.expect("an answer")).await
            });
        text.len() as u64 + whole + byte
    }

    async fn text(&self, url: Url) -> String {
        self.client.get(url).send().await.expect("an answer").text().await.expect("a playlist")
    }
}

async fn drop_body(mut answer: Response) -> u64 {
    let mut bytes = 0;
    while let Some(piece) = answer.chunk().await.expect("a whole body") {
        bytes += piece.len() as u64;
    }
    bytes
}

fn uris(playlist: &str) -> impl Iterator<Item = &str> {
    playlist.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}
