/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http_tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct http_tls {
    SSL_CTX *context;
};

struct http_tls_session {
    SSL *ssl;
    bool wants_room;
    bool is_broken; /* nothing more may be done but to free it */
};

/* ---- the context ---- */

/* The oldest reason of the queue is the cause, the newest the place. */
static const char *reason(void)
{
    unsigned long code = ERR_peek_error();
    const char *words = code != 0 ? ERR_reason_error_string(code) : NULL;

    ERR_clear_error();
    return words != NULL ? words : "no reason given";
}

/* Whoever can read the key can be us; whoever can write the certificate can stop us. */
static int check_mode(const char *what, const char *path, mode_t forbidden, struct err *err)
{
    struct stat facts;

    if (stat(path, &facts) < 0)
        return err_set(err, -errno, "[api] %s: cannot read %s: %s", what, path, strerror(errno));
    if (!S_ISREG(facts.st_mode))
        return err_set(err, -EINVAL, "[api] %s: %s is not a regular file", what, path);
    if (facts.st_uid != 0 && facts.st_uid != geteuid())
        return err_set(err, E_REFUSED, "[api] %s: %s belongs to uid %d, not to root or to uid %d",
                       what, path, (int)facts.st_uid, (int)geteuid());
    if ((facts.st_mode & forbidden) != 0)
        return err_set(err, E_REFUSED,
                       "[api] %s: %s has mode %04o, which lets others at it; `chmod %04o %s`", what,
                       path, (unsigned)facts.st_mode & 07777,
                       (unsigned)(facts.st_mode & 07777 & ~forbidden), path);
    return 0;
}

static int load(SSL_CTX *context, const struct http_tls_settings *settings, struct err *err)
{
    if (check_mode("tls_certificate", settings->certificate, 0022, err) < 0 ||
        check_mode("tls_key", settings->key, 0027, err) < 0)
        return -EINVAL;
    if (SSL_CTX_use_certificate_chain_file(context, settings->certificate) != 1)
        return err_set(err, -EINVAL, "[api] tls_certificate: %s is no certificate in PEM form: %s",
                       settings->certificate, reason());
    if (SSL_CTX_use_PrivateKey_file(context, settings->key, SSL_FILETYPE_PEM) != 1)
        return err_set(err, -EINVAL,
                       "[api] tls_key: %s is no key in PEM form without a passphrase, or not that "
                       "of the certificate: %s",
                       settings->key, reason());
    if (SSL_CTX_check_private_key(context) != 1)
        return err_set(err, -EINVAL, "[api] tls_key: %s is not the key of %s: %s", settings->key,
                       settings->certificate, reason());
    return 0;
}

static int load_client_ca(SSL_CTX *context, const char *path, struct err *err)
{
    STACK_OF(X509_NAME) * names;

    if (path == NULL)
        return 0;
    if (check_mode("tls_client_ca", path, 0022, err) < 0)
        return -EINVAL;
    names = SSL_load_client_CA_file(path);
    if (names == NULL || SSL_CTX_load_verify_locations(context, path, NULL) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return err_set(err, -EINVAL, "[api] tls_client_ca: %s has no certificates in PEM form: %s",
                       path, reason());
    }
    SSL_CTX_set_client_CA_list(context, names); /* takes them */
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return 0;
}

/* Who offers nothing that we speak is told so; who offers nothing at all gets HTTP/1.1. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *offered, unsigned offered_len, void *user)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen;

    (void)ssl;
    (void)user;
    if (SSL_select_next_proto(&chosen, out_len, ours, sizeof(ours) - 1, offered, offered_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

struct http_tls *http_tls_create(const struct http_tls_settings *settings, struct err *err)
{
    static const unsigned char session_name[] = "tenon";
    struct http_tls *tls = calloc(1, sizeof(*tls));

    if (tls == NULL || (tls->context = SSL_CTX_new(TLS_server_method())) == NULL) {
        free(tls);
        (void)err_set(err, -ENOMEM, "no memory for TLS"); /* NULL tells */
        return NULL;
    }
    /* Released buffers: an idle connection does without 34 KB. */
    SSL_CTX_set_mode(tls->context, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                       SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                       SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(tls->context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                          SSL_OP_CIPHER_SERVER_PREFERENCE |
                                          SSL_OP_IGNORE_UNEXPECTED_EOF);
    /* Tickets resume sessions; nothing is kept here for them. */
    (void)SSL_CTX_set_session_cache_mode(tls->context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_alpn_select_cb(tls->context, choose_protocol, NULL);
    if (SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_session_id_context(tls->context, session_name, sizeof(session_name) - 1) != 1) {
        (void)err_set(err, -EINVAL, "TLS does not start: %s", reason());
        http_tls_destroy(tls);
        return NULL;
    }
    if (load(tls->context, settings, err) < 0 ||
        load_client_ca(tls->context, settings->client_ca, err) < 0) {
        http_tls_destroy(tls);
        return NULL;
    }
    return tls;
}

void http_tls_destroy(struct http_tls *tls)
{
    if (tls == NULL)
        return;
    SSL_CTX_free(tls->context); /* sessions hold it, too */
    free(tls);
}

/* ---- sessions ---- */

struct http_tls_session *http_tls_accept(struct http_tls *tls, int fd)
{
    struct http_tls_session *session = calloc(1, sizeof(*session));

    if (session == NULL)
        return NULL;
    session->ssl = SSL_new(tls->context);
    if (session->ssl == NULL || SSL_set_fd(session->ssl, fd) != 1) {
        ERR_clear_error();
        http_tls_session_destroy(session);
        return NULL;
    }
    SSL_set_accept_state(session->ssl);
    return session;
}

void http_tls_session_destroy(struct http_tls_session *session)
{
    if (session == NULL)
        return;
    SSL_free(session->ssl);
    free(session);
}

/* In recv's words. Once the peer has ended its sending OpenSSL gives that for the reason of a write
 * that fails, too. */
static ssize_t give(struct http_tls_session *session, int result, bool is_read)
{
    int os_errno = errno;
    int error;

    if (result > 0)
        return result;
    error = SSL_get_error(session->ssl, result);
    ERR_clear_error();
    if (error == SSL_ERROR_ZERO_RETURN && is_read)
        return 0;
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        session->wants_room = is_read && error == SSL_ERROR_WANT_WRITE;
        errno = EAGAIN;
        return -1;
    }
    session->is_broken = true;
    errno = error == SSL_ERROR_SYSCALL && os_errno != 0 ? os_errno : EPROTO;
    return -1;
}

ssize_t http_tls_read(struct http_tls_session *session, void *out, size_t size)
{
    session->wants_room = false;
    errno = 0;
    return give(session, SSL_read(session->ssl, out, (int)size), true);
}

ssize_t http_tls_write(struct http_tls_session *session, const void *bytes, size_t len)
{
    errno = 0;
    return give(session, SSL_write(session->ssl, bytes, (int)len), false);
}

bool http_tls_wants_room(const struct http_tls_session *session)
{
    return session->wants_room;
}

bool http_tls_is_ready(const struct http_tls_session *session)
{
    return SSL_is_init_finished(session->ssl) == 1;
}

void http_tls_end(struct http_tls_session *session)
{
    if (session->is_broken || !http_tls_is_ready(session))
        return;
    (void)SSL_shutdown(session->ssl); /* the peer may be gone, which is fine */
    ERR_clear_error();
}
