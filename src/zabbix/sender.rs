//! Client of Zabbix's sender protocol. It is written by hand because the crate `zbx_sender` allocates as much memory as
//! an answer claims to have. <https://www.zabbix.com/documentation/current/en/manual/appendix/protocols/zabbix_sender>.

use crate::fetch::first_to_connect;
use serde::{Deserialize, Serialize};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longest time of connecting, sending a request to Zabbix and reading its answer together.
const PATIENCE: Duration = Duration::from_secs(10);
/// Largest number of addresses of the server's name that are tried.
const MAX_ADDRESSES: usize = 8;
/// First bytes of a message of the Zabbix protocol: "ZBXD" and the flag for no compression. A length of 4 bytes and 4
/// reserved bytes follow.
const MAGIC: [u8; 5] = *b"ZBXD\x01";
/// Largest answer of Zabbix that is read, in bytes; a real answer is one line of counts.
const MAX_ANSWER: u32 = 64 << 10;

/// Sender of values to one Zabbix server or proxy: its trapper address, and the host in Zabbix whose items get the
/// values.
pub(crate) struct TrapperSender<'a> {
    pub(crate) server: String,
    pub(crate) port: u16,
    pub(crate) host: &'a str,
}

#[derive(Serialize)]
struct SenderRequest<'a> {
    request: &'static str,
    data: Vec<ItemValue<'a>>,
}

#[derive(Serialize)]
struct ItemValue<'a> {
    host: &'a str,
    key: &'a str,
    value: &'a str,
}

#[derive(Deserialize)]
struct SenderAnswer {
    response: String,
    #[serde(default)]
    info: String,
}

impl TrapperSender<'_> {
    /// Sends values, each with the key of its item, and returns whether Zabbix stored all of them.
    ///
    /// # Errors
    /// Returns the reason when Zabbix can't be reached, doesn't answer in time, or gives an answer that isn't
    /// understood.
    pub(crate) async fn send(&self, values: &[(String, String)]) -> Result<bool, String> {
        let data = values.iter().map(|(key, value)| ItemValue { host: self.host, key, value }).collect();
        let request = serde_json::to_vec(&SenderRequest { request: "sender data", data }).map_err(|e| e.to_string())?;
        match timeout(PATIENCE, self.exchange(&request)).await {
            Ok(Ok(answer)) => parse_answer(&answer),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer within {PATIENCE:?}")),
        }
    }

    /// Connects to the first address of the server that answers; each has an equal share of half of the time.
    async fn connect(&self) -> io::Result<TcpStream> {
        let found = tokio::net::lookup_host((self.server.as_str(), self.port)).await?;
        let addresses: Vec<_> = found.take(MAX_ADDRESSES).collect();
        let share = PATIENCE / 2 / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
        if addresses.is_empty() {
            return Err(io::Error::other("the name has no address"));
        }
        let attempt = |address: SocketAddr| async move {
            match timeout(share, TcpStream::connect(address)).await {
                Ok(connected) => connected.map_err(|error| format!("{address}: {error}").into()),
                Err(_) => Err(format!("{address}: no connection within {share:?}").into()),
            }
        };
        first_to_connect(addresses, share, attempt).await.map_err(io::Error::other)
    }

    async fn exchange(&self, request: &[u8]) -> io::Result<Vec<u8>> {
        let length = u32::try_from(request.len()).map_err(io::Error::other)?;
        let mut stream = self.connect().await?;
        stream.write_all(&[&MAGIC[..], &length.to_le_bytes(), &[0; 4], request].concat()).await?;
        let (mut magic, mut reserved) = ([0; MAGIC.len()], [0; 4]);
        stream.read_exact(&mut magic).await?;
        let length = stream.read_u32_le().await?;
        stream.read_exact(&mut reserved).await?;
        if magic != MAGIC || reserved != [0; 4] || length > MAX_ANSWER {
            return Err(io::Error::other("the server doesn't answer like Zabbix; is this Zabbix's trapper port?"));
        }
        let mut answer = Vec::new();
        stream.take(length.into()).read_to_end(&mut answer).await?;
        Ok(answer)
    }
}

/// Whether Zabbix's answer says that all values were stored. An answer is `{"response": "success", "info": "processed:
/// 1; failed: 0; total: 1; seconds spent: 0.000253"}`.
fn parse_answer(answer: &[u8]) -> Result<bool, String> {
    let text = || String::from_utf8_lossy(answer).chars().take(200).collect::<String>();
    let read: SenderAnswer =
        serde_json::from_slice(answer).map_err(|e| format!("the answer isn't valid JSON ({e}): {}", text()))?;
    if read.response != "success" {
        return Err(format!("Zabbix answered: {}", text()));
    }
    let failed = read.info.split(';').find_map(|part| part.trim().strip_prefix("failed: ")?.parse::<u64>().ok());
    failed.map(|failed| failed == 0).ok_or_else(|| format!("the answer doesn't say how many values failed: {}", text()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    /// Sends a value to a Zabbix server that answers with `bytes`, and returns the sender's result.
    async fn answered(bytes: Vec<u8>) -> Result<bool, String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 13];
            stream.read_exact(&mut head).await.unwrap();
            assert_eq!(head[..5], *b"ZBXD\x01");
            let mut body = vec![0; u32::from_le_bytes(head[5..9].try_into().unwrap()) as usize];
            stream.read_exact(&mut body).await.unwrap();
            stream.write_all(&bytes).await.unwrap();
            body
        });
        let sender = TrapperSender { server: "127.0.0.1".to_owned(), port, host: "h" };
        let answer = sender.send(&[("k".to_owned(), "v".to_owned())]).await;
        let asked: serde_json::Value = serde_json::from_slice(&serving.await.unwrap()).unwrap();
        let data = serde_json::json!([{"host": "h", "key": "k", "value": "v"}]);
        assert_eq!(asked, serde_json::json!({"request": "sender data", "data": data}));
        answer
    }

    fn framed(length: u64, text: &str) -> Vec<u8> {
        [b"ZBXD\x01", &length.to_le_bytes()[..], text.as_bytes()].concat()
    }

    async fn answered_with(text: &str) -> Result<bool, String> {
        answered(framed(text.len() as u64, text)).await
    }

    #[tokio::test]
    async fn zabbix_says_how_many_values_it_could_not_store() {
        let all = r#"{"response":"success","info":"processed: 1; failed: 0; total: 1; seconds spent: 0.000253"}"#;
        assert_eq!(answered_with(all).await, Ok(true));
        assert_eq!(answered_with(&all.replace("failed: 0", "failed: 1")).await, Ok(false));
    }

    #[tokio::test]
    async fn an_answer_that_is_not_zabbixs_is_an_error_that_shows_it() {
        for text in [r#"{"response":"failed","info":"no"}"#, r#"{"response":"success"}"#, "nothing"] {
            let error = answered_with(text).await.unwrap_err();
            assert!(error.contains(text), "{error}");
        }
        assert!(answered(framed(5, "{}")).await.is_err(), "cut off");
    }

    #[tokio::test]
    async fn an_answer_that_claims_to_be_large_is_refused() {
        for length in [u64::MAX, 1 << 32, u64::from(MAX_ANSWER) + 1] {
            let error = answered(framed(length, "{}")).await.unwrap_err();
            assert!(error.contains("trapper port"), "{error}");
        }
        assert!(answered(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()).await.unwrap_err().contains("trapper port"));
    }
}
