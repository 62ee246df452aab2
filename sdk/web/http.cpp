#include <authex/web/http.hpp>

namespace authex::web {
namespace {

constexpr std::size_t method_max_bytes = 16;

bool is_letter(std::uint8_t byte) {
    const auto lower = static_cast<std::uint8_t>(byte | 0x20U);
    return lower >= 'a' && lower <= 'z';
}

bool is_digit(std::uint8_t byte) {
    return byte >= '0' && byte <= '9';
}

/// RFC 9110 §5.6.2.
bool is_token(ByteView bytes) {
    const ByteView others = bytes_of_text("!#$%&'*+-.^_`|~");
    for (const std::uint8_t byte : bytes) {
        bool known = is_letter(byte) || is_digit(byte);
        for (const std::uint8_t other : others) {
            known = known || byte == other;
        }
        if (!known) {
            return false;
        }
    }
    return !bytes.empty();
}

/// RFC 9110 §5.5, field-value.
bool is_value(ByteView bytes) {
    for (const std::uint8_t byte : bytes) {
        if ((byte < 0x20 && byte != '\t') || byte == 0x7F) {
            return false;
        }
    }
    return true;
}

bool is_blank(std::uint8_t byte) {
    return byte == ' ' || byte == '\t';
}

ByteView trimmed(ByteView bytes) {
    while (!bytes.empty() && is_blank(bytes.front())) {
        bytes = bytes.subspan(1);
    }
    while (!bytes.empty() && is_blank(bytes.back())) {
        bytes = bytes.first(bytes.size() - 1);
    }
    return bytes;
}

/// The bytes before the first `mark`, which are taken off `rest` with it; all where there is none.
ByteView take_until(ByteView& rest, std::uint8_t mark) {
    std::size_t at = 0;
    while (at < rest.size() && rest[at] != mark) {
        ++at;
    }
    const ByteView taken = rest.first(at);
    rest = rest.subspan(at < rest.size() ? at + 1 : at);
    return taken;
}

/// RFC 9112 §2.3.
bool is_version(ByteView bytes) {
    return bytes.size() == 8 && equal(bytes.first(5), bytes_of_text("HTTP/")) &&
           is_digit(bytes[5]) && bytes[6] == '.' && is_digit(bytes[7]);
}

std::uint8_t lower(std::uint8_t byte) {
    return byte >= 'A' && byte <= 'Z' ? static_cast<std::uint8_t>(byte | 0x20U) : byte;
}

} // namespace

bool equal(ByteView a, ByteView b) {
    if (a.size() != b.size()) {
        return false;
    }
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (a[i] != b[i]) {
            return false;
        }
    }
    return true;
}

bool equal_ignoring_case(ByteView a, ByteView b) {
    if (a.size() != b.size()) {
        return false;
    }
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (lower(a[i]) != lower(b[i])) {
            return false;
        }
    }
    return true;
}

bool take_field(ByteView& lines, Field& field) {
    ByteView line = take_until(lines, '\n');
    line = line.first(line.empty() ? 0 : line.size() - 1); // the CR
    const std::size_t all = line.size();
    field.name = take_until(line, ':');
    field.value = trimmed(line);
    return field.name.size() < all && is_token(field.name) && is_value(field.value);
}

Reading RequestReader::read(ByteView received) {
    if (status_ == 0 && head_bytes_ == 0 && find_end_of_head(received)) {
        read_head(received.first(head_bytes_));
    }
    if (status_ != 0) {
        return Reading::refused;
    }
    if (head_bytes_ == 0 || received.size() - head_bytes_ < body_bytes_) {
        return Reading::incomplete;
    }
    body_ = received.subspan(head_bytes_, body_bytes_);
    return Reading::complete;
}

/// Lines end with CRLF and nothing else does; the first is not empty.
bool RequestReader::find_end_of_head(ByteView received) {
    for (; scanned_ < received.size() && scanned_ < head_max_bytes; ++scanned_) {
        if (received[scanned_] != '\n') {
            continue;
        }
        const std::size_t line_bytes = scanned_ - line_begin_;
        if (line_bytes == 0 || received[scanned_ - 1] != '\r' || scanned_ == 1) {
            refuse(400);
            return false;
        }
        line_begin_ = scanned_ + 1;
        if (line_bytes == 1) {
            head_bytes_ = line_begin_;
            return true;
        }
    }
    if (scanned_ == head_max_bytes) {
        refuse(line_begin_ == 0 ? 414 : 431);
    }
    return false;
}

void RequestReader::read_head(ByteView head) {
    ByteView lines = head.first(head.size() - 2); // without the empty one
    const ByteView line = take_until(lines, '\n');
    read_request_line(line.first(line.size() - 1));
    fields_ = lines;
    read_fields(lines);
}

void RequestReader::read_request_line(ByteView line) {
    method_ = take_until(line, ' ');
    const ByteView target = take_until(line, ' ');
    if (!is_token(method_) || line.empty()) {
        refuse(400);
    }
    if (method_.size() > method_max_bytes) {
        refuse(501);
    }
    read_target(target);
    keeps_alive_ = equal(line, bytes_of_text("HTTP/1.1"));
    if (!keeps_alive_ && !equal(line, bytes_of_text("HTTP/1.0"))) {
        refuse(is_version(line) ? 505 : 400);
    }
}

/// A path, in visible ASCII. Servers are asked for nothing else by browsers and tools.
void RequestReader::read_target(ByteView target) {
    if (target.empty() || target[0] != '/') {
        refuse(400);
    }
    for (const std::uint8_t byte : target) {
        if (byte <= 0x20 || byte >= 0x7F || byte == '#') {
            refuse(400);
        }
    }
    query_ = target;
    path_ = take_until(query_, '?');
}

void RequestReader::read_fields(ByteView lines) {
    const bool is_1_1 = keeps_alive_;
    std::size_t count = 0;
    while (!lines.empty()) {
        Field field;
        if (!take_field(lines, field)) {
            refuse(400);
            return;
        }
        if (++count > fields_max) {
            refuse(431);
            return;
        }
        read_field(field);
    }
    if (is_1_1 && !has_host_) {
        refuse(400);
    }
    if (has_coding_) {
        // A body that says its length twice is an attack; one that says it in pieces is not taken.
        refuse(has_length_ ? 400 : 501);
    }
    if (body_bytes_ > body_max_bytes) {
        refuse(413);
    }
}

void RequestReader::read_field(const Field& field) {
    if (equal_ignoring_case(field.name, bytes_of_text("host"))) {
        if (has_host_) {
            refuse(400);
        }
        has_host_ = true;
    } else if (equal_ignoring_case(field.name, bytes_of_text("content-length"))) {
        read_length(field.value);
    } else if (equal_ignoring_case(field.name, bytes_of_text("transfer-encoding"))) {
        has_coding_ = true;
    } else if (equal_ignoring_case(field.name, bytes_of_text("expect"))) {
        refuse(417);
    } else if (equal_ignoring_case(field.name, bytes_of_text("connection"))) {
        ByteView options = field.value;
        while (!options.empty()) {
            if (equal_ignoring_case(trimmed(take_until(options, ',')), bytes_of_text("close"))) {
                keeps_alive_ = false;
            }
        }
    }
}

/// One number, in digits.
void RequestReader::read_length(ByteView digits) {
    if (has_length_ || digits.empty()) {
        refuse(400);
    }
    has_length_ = true;
    for (const std::uint8_t byte : digits) {
        if (!is_digit(byte)) {
            refuse(400);
        }
        // Beyond the largest it stays where it is.
        body_bytes_ = body_bytes_ > body_max_bytes ? body_bytes_
                                                   : body_bytes_ * 10 + (byte & std::size_t{0x0F});
    }
}

ByteView RequestReader::field(ByteView name) const {
    ByteView lines = fields_;
    Field field;
    while (!lines.empty() && take_field(lines, field)) {
        if (equal_ignoring_case(field.name, name)) {
            return field.value;
        }
    }
    return {};
}

} // namespace authex::web
