//! TLS on both sides, with aws-lc-rs as the one provider of its arithmetic.
//!
//! Must not log a key, or fall back to plain text.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::exit::Failure;

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn unusable(error: &rustls::Error) -> Failure {
    Failure::new(format!("TLS cannot be set up: {error}"))
}

/// What a server shows and how it speaks, from a chain and a key in PEM.
///
/// # Errors
/// A file cannot be read, holds no certificate or key, or they do not belong together.
pub(crate) fn server(chain: &Path, key: &Path) -> Result<Arc<ServerConfig>, Failure> {
    let wrong = |path: &Path, what: &str, error: rustls::pki_types::pem::Error| {
        Failure::new(format!("{}: no {what} in PEM can be read: {error}", path.display()))
    };
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(chain)
        .and_then(Iterator::collect)
        .map_err(|error| wrong(chain, "certificate (tls_cert)", error))?;
    if certificates.is_empty() {
        return Err(Failure::new(format!("{}: holds no certificate", chain.display())));
    }
    let key = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| wrong(key, "private key (tls_key)", error))?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&error))?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(|error| unusable(&error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// What a client trusts: the machine's certificate authorities (`SSL_CERT_FILE` names others).
///
/// # Errors
/// TLS cannot be set up at all.
pub(crate) fn client() -> Result<Arc<ClientConfig>, Failure> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        tracing::warn!("this machine has no certificate authorities: https webhooks will fail");
    }
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
