//! Mails leave through a mail server, in the background, and wait while there is none.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{Client, send};
use crate::network::pem;
use crate::run::{Data, Server, Temporary, get, names};
use crate::smtp::{Mail, MailServer, Offer};

/// How long a mail may take.
const PATIENCE: Duration = Duration::from_secs(40);

/// A set-up folder whose administrator has a log-in.
fn with_account(data: &Data) {
    let made = data.setup();
    let server = data.serve();
    let body =
        json!({"setup_code": get(&made, "/admin/setup_code"), "password": "correct horse 1"});
    let path = "/api/v1/account/invitation";
    assert_eq!(send(&server.url, "POST", path, "", &body).0, 201);
    server.stop();
}

fn serve(data: &Data, mail: &MailServer, env: &[(&str, &str)]) -> Server {
    let (port, authority) = (mail.port.to_string(), pem("authority.pem"));
    let own = [
        ("CLAVIGER_MAIL_HOST", "localhost"),
        ("CLAVIGER_MAIL_PORT", port.as_str()),
        ("CLAVIGER_MAIL_FROM", "Claviger <access@example.org>"),
        ("SSL_CERT_FILE", authority.as_str()),
    ];
    let args = ["serve", "--data", data.text(), "--listen=127.0.0.1:0"];
    Server::start(&args, &[&own, env].concat())
}

/// Asks for a new password; the answer must not wait for any mail server.
fn forget_password(server: &Server) {
    let begun = Instant::now();
    let body = json!({"email": "admin@localhost"});
    let path = "/api/v1/account/password-reset";
    assert_eq!(send(&server.url, "POST", path, "", &body), (202, Value::Null));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

fn taken(mail: &MailServer) -> Mail {
    let mail = mail.mails.recv_timeout(PATIENCE).expect("a mail");
    assert!(mail.from.contains("<access@example.org>"), "{mail:?}");
    assert!(mail.to.contains("<admin@localhost>"), "{mail:?}");
    assert!(mail.text.contains("one-time secret"), "{mail:?}");
    mail
}

/// Waits until the names in the outbox fulfil something.
pub(crate) fn outbox(data: &Data, wanted: impl Fn(&[String]) -> bool) -> Vec<String> {
    let begun = Instant::now();
    loop {
        let folder = data.path.join("outbox");
        let names = if folder.is_dir() { names(&folder) } else { Vec::new() };
        if wanted(&names) {
            return names;
        }
        assert!(begun.elapsed() < PATIENCE, "{names:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_mail_leaves_through_tls_with_a_log_in() {
    let temporary = Temporary::new();
    let data = temporary.data("data");
    with_account(&data);
    let password = temporary.write("password", "hush hush\n");
    for (offer, security) in [(Offer::StartTls, "starttls"), (Offer::Tls, "tls")] {
        let mail = MailServer::start(offer, &[]);
        let server = serve(
            &data,
            &mail,
            &[
                ("CLAVIGER_MAIL_SECURITY", security),
                ("CLAVIGER_MAIL_USER", "access"),
                ("CLAVIGER_MAIL_PASSWORD_FILE", &password),
            ],
        );
        forget_password(&server);
        let taken = taken(&mail);
        assert!(taken.tls && taken.login.is_some(), "{security}: {taken:?}");
        outbox(&data, <[String]>::is_empty);
        server.stop();
    }
}

#[test]
fn an_invitation_leaves_through_the_mail_server_and_its_password_works() {
    let temporary = Temporary::new();
    let data = temporary.data("data");
    let made = data.setup();
    let mail = MailServer::start(Offer::StartTls, &[]);
    let server = serve(&data, &mail, &[]);
    let program = Client::new(&server.url, &made);
    program.make("/people", json!({"email": "ann@example.org", "invite": true}));
    let invitation = mail.mails.recv_timeout(PATIENCE).expect("a mail");
    assert!(invitation.tls && invitation.to.contains("<ann@example.org>"), "{invitation:?}");
    assert!(invitation.text.contains("Subject: You have been given keys"), "{invitation:?}");
    assert!(invitation.text.contains("To begin, send it as secret"), "{invitation:?}");
    let mut words = invitation.text.split_whitespace();
    let secret = words.find(|word| word.starts_with("clvo_")).unwrap();
    let body = json!({"secret": secret, "password": "correct horse 2"});
    let (status, session) = send(&server.url, "POST", "/api/v1/account/invitation", "", &body);
    assert_eq!((status, get(&session, "/places/0/role")), (201, "guest".to_owned()), "{session}");
    outbox(&data, <[String]>::is_empty);
    server.stop();

    // Who manages her is told what became of the mail; the log is not told whose it was.
    let mail =
        MailServer::start(Offer::Nothing, &["451 <bo@example.org> later", "550 no such user"]);
    let server = serve(&data, &mail, &[("CLAVIGER_MAIL_SECURITY", "none")]);
    let program = Client::new(&server.url, &made);
    let told = |id: &str, wanted: &str| {
        let begun = Instant::now();
        loop {
            let told = program.send("GET", &format!("/people/{id}/invitation"), Value::Null).1;
            if told["state"] == wanted || told["problem"].as_str().is_some_and(|it| it == wanted) {
                return told;
            }
            assert!(begun.elapsed() < PATIENCE, "{told}");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    let bo = program.make("/people", json!({"email": "bo@example.org", "invite": true}));
    let later = told(&bo, "written");
    assert!(later["problem"].is_null() || later["problem"].as_str().unwrap().contains("451"));
    assert_eq!(
        told(&bo, "failed")["problem"].as_str().map(|it| it.contains("no such user")),
        Some(true)
    );
    let eve = program.make("/people", json!({"email": "eve@example.org", "invite": true}));
    assert_eq!(told(&eve, "sent")["problem"], Value::Null);
    server.signal("-TERM");
    let (_, err) = server.ended();
    assert!(err.contains("given up") && !err.contains("bo@example.org"), "{err}");
}

#[test]
fn nothing_is_sent_where_tls_is_wanted_and_not_offered() {
    let temporary = Temporary::new();
    let data = temporary.data("data");
    with_account(&data);
    let mail = MailServer::start(Offer::Nothing, &[]);
    let server = serve(&data, &mail, &[]);
    forget_password(&server);
    assert!(mail.mails.recv_timeout(Duration::from_secs(3)).is_err());
    outbox(&data, |names| names.len() == 1);
    server.signal("-TERM");
    let (code, err) = server.ended();
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains("it is tried again") && !err.contains("admin@localhost"), "{err}");
    // The same mail leaves once that is put right.
    let server = serve(&data, &mail, &[("CLAVIGER_MAIL_SECURITY", "none")]);
    assert!(!taken(&mail).tls);
    outbox(&data, <[String]>::is_empty);
    server.stop();
}

#[test]
fn a_mail_is_tried_again_and_given_up_when_it_is_refused_for_good() {
    let temporary = Temporary::new();
    let data = temporary.data("data");
    with_account(&data);
    let mail = MailServer::start(Offer::Nothing, &["451 <admin@localhost> later"]);
    let server = serve(&data, &mail, &[("CLAVIGER_MAIL_SECURITY", "none")]);
    forget_password(&server);
    taken(&mail);
    assert_eq!(mail.answers_left(), 0);
    outbox(&data, <[String]>::is_empty);
    server.stop();

    let mail = MailServer::start(Offer::Nothing, &["550 <admin@localhost> is not here"]);
    let server = serve(&data, &mail, &[("CLAVIGER_MAIL_SECURITY", "none")]);
    forget_password(&server);
    outbox(&data, |names| names.iter().any(|name| name.ends_with(".failed")));
    assert!(mail.mails.try_recv().is_err());
    server.signal("-TERM");
    let (_, err) = server.ended();
    assert!(err.contains("given up") && err.contains("550"), "{err}");
    assert!(!err.contains("admin@localhost"), "{err}");
}

#[test]
fn without_a_mail_server_mails_wait_for_the_operator() {
    let temporary = Temporary::new();
    let data = temporary.data("data");
    with_account(&data);
    let server = data.serve();
    forget_password(&server);
    let names = outbox(&data, |names| names.len() == 1);
    assert!(names[0].ends_with(".eml"), "{names:?}");
    server.stop();
    let args = ["serve", "--show-config"];
    let half = crate::run::claviger_with(&args, &[("CLAVIGER_MAIL_USER", "access")]);
    assert!(half.refusal().contains("mail.host"));
}

#[test]
fn where_nobody_is_there_one_mail_asks_for_all() {
    let temporary = Temporary::new();
    let data = temporary.data("data");
    with_account(&data);
    let server = data.serve();
    for wanted in 1..=4 {
        forget_password(&server);
        outbox(&data, |names| names.len() == wanted);
    }
    server.stop();
    let mail = MailServer::start(Offer::Absence, &["1", "2", "3", "4"]);
    let server = serve(&data, &mail, &[("CLAVIGER_MAIL_SECURITY", "none")]);
    let begun = Instant::now();
    while mail.answers_left() == 4 {
        assert!(begun.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(50));
    }
    // The others do not ask before it has waited.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(mail.answers_left(), 3);
    server.stop();
}
