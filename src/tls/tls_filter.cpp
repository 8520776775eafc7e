// SPDX-License-Identifier: Apache-2.0
#include "tls/tls_filter.h"

#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstring>
#include <utility>

#include "platform/system_error.h"
#include "tornado/netutil.h"

namespace tornado::detail {
namespace {

constexpr std::size_t record_size = SSL3_RT_MAX_PLAIN_LENGTH;
constexpr int most_messages = 32;
constexpr std::size_t most_held = 256 << 10;  // of a peer that reads no answers

std::error_code would_block() noexcept {
  return std::make_error_code(std::errc::operation_would_block);
}

int as_size(std::size_t size) noexcept {
  return static_cast<int>((std::min)(size, static_cast<std::size_t>(INT_MAX)));
}

/// The pieces of a write, cut into records. Small pieces share one.
class Records {
 public:
  explicit Records(std::span<const Bytes> pieces) noexcept : pieces_(pieces) {}

  Bytes next() noexcept {
    while (!pieces_.empty() && begin_ == pieces_.front().size()) pass_piece();
    if (pieces_.empty()) return {};
    const Bytes first = pieces_.front().subspan(begin_);
    if (first.size() >= record_size || pieces_.size() == 1) {
      return first.first((std::min)(first.size(), record_size));
    }
    std::size_t size = 0;
    std::size_t from = begin_;
    for (const Bytes& piece : pieces_) {
      const Bytes some =
          piece.subspan(from, (std::min)(piece.size() - from, record_size - size));
      std::copy(some.begin(), some.end(), joined_.begin() + static_cast<long>(size));
      size += some.size();
      from = 0;
    }
    return Bytes(joined_).first(size);
  }

  void consume(std::size_t count) noexcept {
    while (count > 0) {
      const std::size_t some = (std::min)(count, pieces_.front().size() - begin_);
      begin_ += some;
      count -= some;
      if (begin_ == pieces_.front().size()) pass_piece();
    }
  }

 private:
  void pass_piece() noexcept {
    pieces_ = pieces_.subspan(1);
    begin_ = 0;
  }

  std::span<const Bytes> pieces_;
  std::size_t begin_ = 0;
  std::array<std::byte, record_size> joined_;
};

BIO_METHOD* make_bio_method() {
  BIO_METHOD* const method =
      BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "tornado stream");
  if (!method) throw_tls_error("BIO_meth_new");
  BIO_meth_set_read(method, &TLSFilter::bio_read);
  BIO_meth_set_write(method, &TLSFilter::bio_write);
  BIO_meth_set_ctrl(method, &TLSFilter::bio_control);
  return method;
}

OwnedBio make_bio(TLSFilter& filter) {
  static BIO_METHOD* const method = make_bio_method();
  OwnedBio bio(BIO_new(method));
  if (!bio) throw_tls_error("BIO_new");
  BIO_set_data(bio.get(), &filter);
  BIO_set_init(bio.get(), 1);
  return bio;
}

}  // namespace

TLSFilter::TLSFilter(const SSLContext& context, const std::string& host,
                     std::uint16_t port)
    : generation_(TLSState::of(context).current()) {
  handshake_timeout = generation_->options.handshake_timeout;
  forget_tls_errors();
  ssl_.reset(SSL_new(generation_->context.get()));
  if (!ssl_) throw_tls_error("SSL_new");
  BIO* const bio = make_bio(*this).release();
  SSL_set_bio(ssl(), bio, bio);
  if (TLSState::of(context).side() == TLSSide::client) {
    set_up_client(host, port);
  } else {
    SSL_set_accept_state(ssl());
  }
}

TLSFilter& TLSFilter::of(const SSL* ssl) noexcept {
  return *static_cast<TLSFilter*>(BIO_get_data(SSL_get_rbio(ssl)));
}

// A certificate names neither the zone of an address nor the dot that ends a full name.
bool TLSFilter::expect_host(const std::string& host) {
  const bool checks_name =
      generation_->options.server_check == ServerCheck::chain_and_name;
  if (host.empty()) return !checks_name;
  X509_VERIFY_PARAM* const rules = SSL_get0_param(ssl());
  X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (is_valid_ip(host)) {
    const std::string address = host.substr(0, host.find('%'));
    return !checks_name || X509_VERIFY_PARAM_set1_ip_asc(rules, address.c_str()) == 1;
  }
  const std::string name(host, 0, host.size() - (host.ends_with('.') ? 1 : 0));
  // OpenSSL takes a name that begins with a dot for each of its subdomains.
  return !name.empty() && !name.starts_with('.') && name.find('\0') == name.npos &&
         SSL_set_tlsext_host_name(ssl(), name.c_str()) == 1 &&
         (!checks_name ||
          X509_VERIFY_PARAM_set1_host(rules, name.data(), name.size()) == 1);
}

void TLSFilter::set_up_client(const std::string& host, std::uint16_t port) {
  SSL_set_connect_state(ssl());
  if (!expect_host(host)) {
    forget_tls_errors();
    throw_error(std::make_error_code(std::errc::invalid_argument),
                "SSLIOStream: no host that a client can verify: \"" + host + '"');
  }
  const std::string& alpn = generation_->alpn;
  SSL_set_alpn_protos(ssl(), reinterpret_cast<const unsigned char*>(alpn.data()),
                      static_cast<unsigned>(alpn.size()));
  if (host.empty()) return;  // of which server the sessions are is not known
  peer_ = std::make_unique<const std::string>(host + ' ' + std::to_string(port));
  if (const OwnedSession session = generation_->sessions.take(*peer_)) {
    SSL_set_session(ssl(), session.get());
  }
}

void TLSFilter::start(std::shared_ptr<StreamTransport> inner, Bytes read) {
  add(incoming_, read);
  inner_ = std::move(inner);
}

void TLSFilter::add(WaitingBytes& to, Bytes bytes) {
  if (bytes.empty()) return;
  if (!to) to = std::make_unique<Waiting>();
  to->bytes.insert(to->bytes.end(), bytes.begin(), bytes.end());
}

void TLSFilter::take(WaitingBytes& from, std::size_t count) noexcept {
  from->taken += count;
  if (from->rest().empty()) from.reset();
}

void TLSFilter::begin(NativeFd fd) noexcept {
  fd_ = fd;
  empty_ = false;
  forget_tls_errors();
}

// A failure is final. OpenSSL would forget it.
template <class F>
Moved TLSFilter::call(F act) noexcept {
  if (failure_) return {0, failure_};
  BIO_clear_retry_flags(SSL_get_rbio(ssl()));  // of an earlier call
  const int result = act();
  if (result > 0) return {static_cast<std::size_t>(result)};
  const Moved done{0, error_of(result)};
  if (done.error && !done.would_block()) failure_ = done.error;
  return done;
}

/// No error for a close_notify.
std::error_code TLSFilter::error_of(int result) noexcept {
  const int kind = SSL_get_error(ssl(), result);
  // Then OpenSSL's queue is empty.
  if (kind == SSL_ERROR_WANT_READ && !failure_) return would_block();
  const bool by_certificate =
      ERR_GET_REASON(ERR_peek_error()) == SSL_R_CERTIFICATE_VERIFY_FAILED;
  const std::error_code first = take_tls_error();
  if (failure_) return failure_;  // below OpenSSL
  if (kind == SSL_ERROR_ZERO_RETURN) return {};
  if (input_ended_) {
    if (established_ && generation_->options.ignore_missing_close_notify) return {};
    return TLSErrc::truncated;
  }
  return by_certificate ? verify_error(SSL_get_verify_result(ssl())) : first;
}

// At the begin of a handshake OpenSSL allocates three buffers of a record, 51 KB. A
// server begins with the first bytes, so that silent clients do not cost it as much.
// True also for a failure.
bool TLSFilter::has_first_bytes() noexcept {
  if (incoming_) return true;
  std::array<std::byte, 2048> room;
  const int got = receive(room);
  if (got < 0) return static_cast<bool>(failure_);
  try {
    add(incoming_, Bytes(room).first(static_cast<std::size_t>(got)));
  } catch (const std::bad_alloc&) {
    failure_ = std::make_error_code(std::errc::not_enough_memory);
  }
  return true;
}

Moved TLSFilter::handshake(NativeFd fd) noexcept {
  begin(fd);
  const std::error_code unsent = flush();
  if (unsent == would_block()) return {0, unsent};
  if (SSL_in_before(ssl()) && SSL_is_server(ssl()) && !has_first_bytes()) {
    return {0, would_block()};
  }
  const Moved done = call([this] {
    const int result = SSL_do_handshake(ssl());
    (void)flush();
    return result;
  });
  if (output_failure_ && done.would_block()) return {0, output_failure_};
  if (done.error) return done;
  if (done.bytes == 0) return {0, TLSErrc::truncated};
  established_ = true;
  return {};
}

// What a failure has left unsent counts as held, until the stream hears of it.
Events TLSFilter::wants() const noexcept {
  if (outgoing_ || (output_failure_ && !output_ended_)) {
    return established_ && listens_ ? Events::read | Events::write : Events::write;
  }
  return listens_ ? Events::read : Events::none;
}

bool TLSFilter::skim(NativeFd fd) noexcept {
  begin(fd);
  char byte = 0;
  const Moved got = call([&] { return SSL_peek(ssl(), &byte, 1); });
  listens_ = got.would_block();
  return listens_;
}

Moved TLSFilter::read(NativeFd fd, std::span<std::byte> room) noexcept {
  begin(fd);
  std::size_t all = 0;
  while (all < room.size()) {
    const std::span<std::byte> rest = room.subspan(all);
    const Moved got =
        call([&] { return SSL_read(ssl(), rest.data(), as_size(rest.size())); });
    if (got.bytes == 0) {
      listens_ = got.would_block();
      return {all, got.error};
    }
    all += got.bytes;
    messages_ = 0;
    // OpenSSL would allocate a buffer, and find that nothing is there for it.
    if (empty_ && !input_ended_ && !SSL_has_pending(ssl())) {
      listens_ = true;
      return {all, would_block()};
    }
  }
  return {all};
}

Moved TLSFilter::write(NativeFd fd, std::span<const Bytes> pieces) noexcept {
  begin(fd);
  if (const std::error_code error = flush()) return {0, error};
  std::size_t all = 0;
  Records records(pieces);
  for (Bytes next = records.next(); !next.empty(); next = records.next()) {
    const Moved done =
        call([&] { return SSL_write(ssl(), next.data(), as_size(next.size())); });
    if (output_failure_) return {all, output_failure_};
    if (done.bytes == 0) {
      return {all,
              done.error ? done.error : std::make_error_code(std::errc::broken_pipe)};
    }
    all += done.bytes;
    if (outgoing_) return {all, would_block()};
    records.consume(done.bytes);
  }
  return {all};
}

void TLSFilter::end_output(NativeFd fd) noexcept {
  if (!established_ || output_ended_ || failure_ || output_failure_) return;
  begin(fd);
  SSL_shutdown(ssl());
  output_ended_ = true;
  forget_tls_errors();
}

void TLSFilter::close() noexcept {
  inner_->close();
}

// What OpenSSL asks for.

void TLSFilter::keep_session(OwnedSession session) noexcept {
  if (!peer_) return;
  try {
    generation_->sessions.put(*peer_, std::move(session));
  } catch (const std::bad_alloc&) {  // the next connection does without
  }
}

void TLSFilter::count_message() noexcept {
  if (established_ && ++messages_ > most_messages && !failure_) {
    failure_ = TLSErrc::too_many_messages;
  }
}

int TLSFilter::receive(std::span<std::byte> room) noexcept {
  if (incoming_) {
    const Bytes rest = incoming_->rest();
    const std::size_t count = (std::min)(room.size(), rest.size());
    std::memcpy(room.data(), rest.data(), count);
    take(incoming_, count);
    return static_cast<int>(count);
  }
  if (input_ended_ && !failure_) return 0;
  if (empty_ || failure_) return -1;
  const Moved got = inner_->read(fd_, room);
  empty_ = got.bytes < room.size();
  if (got.error && !got.would_block()) failure_ = got.error;
  if (got.bytes == 0 && !got.error) input_ended_ = true;
  return got.error && got.bytes == 0 ? -1 : static_cast<int>(got.bytes);
}

// What a step of the handshake has to send leaves in one call.
void TLSFilter::send(Bytes bytes) noexcept {
  if (output_ended_ || output_failure_) return;
  if (!outgoing_ && established_) {
    const Moved done = inner_->write(fd_, std::span(&bytes, 1));
    if (done.error && !done.would_block()) return fail_output(done.error);
    bytes = bytes.subspan(done.bytes);
  }
  if (established_ && outgoing_ && outgoing_->bytes.size() > most_held) {
    failure_ = TLSErrc::too_many_messages;
    return;
  }
  try {
    add(outgoing_, bytes);
  } catch (const std::bad_alloc&) {
    fail_output(std::make_error_code(std::errc::not_enough_memory));
  }
}

void TLSFilter::fail_output(std::error_code error) noexcept {
  output_failure_ = error;
  outgoing_.reset();
}

std::error_code TLSFilter::flush() noexcept {
  if (!outgoing_) return output_failure_;
  const Bytes rest = outgoing_->rest();
  const Moved done = inner_->write(fd_, std::span(&rest, 1));
  if (done.error && !done.would_block()) {
    fail_output(done.error);
    return output_failure_;
  }
  take(outgoing_, done.bytes);
  return outgoing_ ? would_block() : std::error_code();
}

int TLSFilter::bio_read(BIO* bio, char* to, int size) noexcept {
  TLSFilter& filter = *static_cast<TLSFilter*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const int got = filter.receive(
      std::as_writable_bytes(std::span(to, static_cast<std::size_t>(size))));
  if (got < 0 && !filter.failure_) BIO_set_retry_read(bio);
  return got;
}

// Never fails: OpenSSL would read nothing more from then on. After the close_notify it
// might still answer the peer.
int TLSFilter::bio_write(BIO* bio, const char* from, int size) noexcept {
  TLSFilter& filter = *static_cast<TLSFilter*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  filter.send(std::as_bytes(std::span(from, static_cast<std::size_t>(size))));
  return size;
}

long TLSFilter::bio_control(BIO* bio, int command, long, void*) noexcept {
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command != BIO_CTRL_EOF) return 0;
  return static_cast<TLSFilter*>(BIO_get_data(bio))->input_ended_ ? 1 : 0;
}

}  // namespace tornado::detail
