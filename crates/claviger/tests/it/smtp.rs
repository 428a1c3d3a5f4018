//! A mail server that takes mails as a test tells it to, on a port of its own.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::network::pem;

/// A mail that was taken.
#[derive(Debug)]
pub(crate) struct Mail {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) text: String,
    /// Whether it came through TLS, and who logged in.
    pub(crate) tls: bool,
    pub(crate) login: Option<String>,
}

/// How TLS is offered.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Offer {
    Nothing,
    /// Hangs up on whoever comes, until as many have come as the answers there are.
    Absence,
    StartTls,
    Tls,
}

pub(crate) struct MailServer {
    pub(crate) port: u16,
    pub(crate) mails: Receiver<Mail>,
    /// What the next recipients are answered, instead of 250.
    answers: Arc<Mutex<VecDeque<&'static str>>>,
}

impl MailServer {
    pub(crate) fn start(offer: Offer, answers: &[&'static str]) -> MailServer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (taken, mails) = channel();
        let answers = Arc::new(Mutex::new(answers.iter().copied().collect()));
        let answered = Arc::clone(&answers);
        // Ends with the process of the tests.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut talk = Talk::new(&answered, &taken);
                let stream = stream.unwrap();
                if offer == Offer::Absence && answered.lock().unwrap().pop_front().is_some() {
                    continue;
                }
                let _ = match offer {
                    Offer::Tls => talk.over(&mut secured(stream)),
                    _ => talk.begin(stream, offer),
                };
            }
        });
        MailServer { port, mails, answers }
    }

    /// How many of the answers nobody has heard yet.
    pub(crate) fn answers_left(&self) -> usize {
        self.answers.lock().unwrap().len()
    }
}

fn secured(stream: TcpStream) -> StreamOwned<ServerConnection, TcpStream> {
    let chain = CertificateDer::pem_file_iter(pem("chain.pem")).unwrap();
    let chain = chain.collect::<Result<Vec<_>, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_file(pem("key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    StreamOwned::new(ServerConnection::new(Arc::new(config)).unwrap(), stream)
}

/// One conversation.
struct Talk<'a> {
    answers: &'a Mutex<VecDeque<&'static str>>,
    taken: &'a Sender<Mail>,
    tls: bool,
    login: Option<String>,
}

impl<'a> Talk<'a> {
    fn new(answers: &'a Mutex<VecDeque<&'static str>>, taken: &'a Sender<Mail>) -> Talk<'a> {
        Talk { answers, taken, tls: false, login: None }
    }

    /// Without TLS, until that is asked for.
    fn begin(&mut self, mut stream: TcpStream, offer: Offer) -> std::io::Result<()> {
        stream.write_all(b"220 localhost ready\r\n")?;
        if matches!(offer, Offer::Nothing | Offer::Absence) {
            return self.serve(&mut stream, "");
        }
        loop {
            let line = line(&mut stream)?;
            match line.split(' ').next().unwrap_or_default() {
                "EHLO" => stream.write_all(b"250-localhost\r\n250 STARTTLS\r\n")?,
                "STARTTLS" => {
                    stream.write_all(b"220 go ahead\r\n")?;
                    self.tls = true;
                    return self.serve(&mut secured(stream), "250-AUTH PLAIN\r\n");
                }
                "QUIT" | "" => return Ok(()),
                _ => stream.write_all(b"530 STARTTLS first\r\n")?,
            }
        }
    }

    /// With TLS from the first byte.
    fn over(&mut self, stream: &mut (impl Read + Write)) -> std::io::Result<()> {
        self.tls = true;
        stream.write_all(b"220 localhost ready\r\n")?;
        self.serve(stream, "250-AUTH PLAIN\r\n")
    }

    fn serve(&mut self, stream: &mut (impl Read + Write), offers: &str) -> std::io::Result<()> {
        let (mut from, mut to) = (String::new(), String::new());
        loop {
            let line = line(stream)?;
            let answer = match line.split([' ', ':']).next().unwrap_or_default() {
                "EHLO" => format!("250-localhost\r\n{offers}250 8BITMIME"),
                "AUTH" => {
                    self.login = Some(line);
                    "235 welcome".to_owned()
                }
                "MAIL" => {
                    from = line;
                    "250 ok".to_owned()
                }
                "RCPT" => {
                    to = line;
                    self.answers.lock().unwrap().pop_front().unwrap_or("250 ok").to_owned()
                }
                "DATA" => {
                    stream.write_all(b"354 go on\r\n")?;
                    let text = mail(stream)?;
                    let (from, to) = (from.clone(), to.clone());
                    let (tls, login) = (self.tls, self.login.clone());
                    let _ = self.taken.send(Mail { from, to, text, tls, login });
                    "250 taken".to_owned()
                }
                "QUIT" | "" => return stream.write_all(b"221 bye\r\n"),
                _ => "250 ok".to_owned(),
            };
            stream.write_all(format!("{answer}\r\n").as_bytes())?;
        }
    }
}

/// One line, byte by byte: what follows may belong to TLS.
fn line(stream: &mut impl Read) -> std::io::Result<String> {
    let mut line = Vec::new();
    let mut byte = [0];
    while stream.read(&mut byte)? == 1 && byte[0] != b'\n' {
        line.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}

fn mail(stream: &mut impl Read) -> std::io::Result<String> {
    let mut text = String::new();
    for line in BufReader::with_capacity(1, stream).lines() {
        let line = line?;
        if line == "." {
            break;
        }
        text += &line;
        text.push('\n');
    }
    Ok(text)
}
