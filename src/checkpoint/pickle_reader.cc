#include "checkpoint/pickle_reader.h"

#include <algorithm>
#include <bit>
#include <charconv>

#include "checkpoint/byte_reader.h"
#include "checkpoint/pickle_globals.h"
#include "checkpoint/pickle_memo.h"
#include "checkpoint/pickle_opcodes.h"
#include "checkpoint/pickle_rebuild.h"
#include "checkpoint/pickle_stack.h"
#include "checkpoint/pickle_text.h"
#include "core/fail.h"

namespace kandinsky::pickle {
namespace {

constexpr int highest_protocol = 5;
// A checkpoint of 12 billion parameters has a pickle of 0.2 MB.
constexpr std::size_t largest_pickle = 1u << 30;

Value simple(Kind kind, std::int64_t integer = 0) {
  Value value;
  value.kind = kind;
  value.integer = integer;
  return value;
}

Value number(double real) {
  Value value;
  value.kind = Kind::real;
  value.real = real;
  return value;
}

Value text_value(Kind kind, std::string_view text) {
  Value value;
  value.kind = kind;
  value.index = static_cast<std::uint32_t>(text.size());
  value.text = text.data();
  return value;
}

class Reader {
 public:
  Reader(std::span<const std::byte> bytes, const std::string& file, std::size_t bytes_in_file)
      : file_(file),
        bytes_(bytes, file, "the pickle"),
        budget_(file, bytes_in_file),
        rebuilder_(pickle_, budget_, file_),
        stack_(budget_, file_) {
    pickle_.bytes_in_file = bytes_in_file;
  }

  Pickle read() {
    while (!stopped_) step(static_cast<Opcode>(bytes_.number<std::uint8_t>()));
    pickle_.size = bytes_.position();
    return std::move(pickle_);
  }

 private:
  [[noreturn]] void refuse(std::string_view why) const { fail(ErrorCode::bad_file, file_, "damaged pickle: {}", why); }

  void push(const Value& value) { stack_.push(value); }

  void push_tuple(std::size_t count) { push(rebuilder_.container(Kind::tuple, stack_.pop(count))); }

  void push_text(Kind kind, std::uint64_t length) { push(text_value(kind, as_text(bytes_.take(length)))); }

  void push_owned_text(std::optional<std::string> text) {
    if (!text) refuse("a text with a wrong escape");
    budget_.charge(Memo::entry_bytes + text->size());
    push(text_value(Kind::text, pickle_.texts.emplace_back(std::move(*text))));
  }

  // A little-endian two's complement integer of any length.
  void push_long(std::uint64_t length) {
    const auto digits = bytes_.take(length);
    if (digits.size() > 8) return push(text_value(Kind::big_integer, as_text(digits)));
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < digits.size(); ++i) value |= std::to_integer<std::uint64_t>(digits[i]) << (8 * i);
    if (!digits.empty() && digits.size() < 8 && (digits.back() & std::byte{0x80}) != std::byte{0}) {
      value |= ~std::uint64_t{0} << (8 * digits.size());
    }
    push(simple(Kind::integer, std::bit_cast<std::int64_t>(value)));
  }

  void push_integer_line(std::string_view line) {
    if (line == "00" || line == "01") return push(simple(Kind::boolean, line == "01"));
    if (line.ends_with('L')) line.remove_suffix(1);
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
    if (error == std::errc::result_out_of_range) return push(text_value(Kind::big_integer, line));
    if (error != std::errc() || end != line.data() + line.size()) refuse("a line that is no integer");
    push(simple(Kind::integer, value));
  }

  void push_float_line(std::string_view line) {
    double value = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
    if (error == std::errc::invalid_argument || end != line.data() + line.size()) refuse("a line that is no number");
    push(number(value));
  }

  void push_float() {
    const auto value = load_little_endian<std::uint64_t>(bytes_.take(8).data());
    push(number(std::bit_cast<double>(__builtin_bswap64(value))));
  }

  std::uint64_t line_number() {
    const std::string_view line = bytes_.line();
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
    if (error != std::errc() || end != line.data() + line.size()) refuse("a memo number that is none");
    return value;
  }

  void get(std::uint64_t number) {
    const Value* value = memo_.get(number);
    if (value == nullptr) refuse(fmt::format("memo entry {} was never made", number));
    push(*value);
  }

  void put(std::uint64_t number) {
    budget_.charge(Memo::entry_bytes);
    memo_.put(number, stack_.top());
  }

  void reduce() {
    const Value arguments = stack_.pop();
    push(rebuilder_.call(stack_.pop(), arguments));
  }

  void construct(bool keywords) {
    if (keywords) stack_.pop();
    const Value arguments = stack_.pop();
    push(rebuilder_.construct(stack_.pop(), arguments));
  }

  // OBJ: the class and its arguments lie above the mark. INST: the class is named in the pickle.
  void push_instance(const Value& type, std::span<const Value> arguments) {
    push(rebuilder_.call(type, rebuilder_.container(Kind::tuple, arguments)));
  }

  Value global_line() {
    const std::string_view module = bytes_.line();
    return find_global(module, bytes_.line());
  }

  void stack_global() {
    const Value name = stack_.pop();
    const Value module = stack_.pop();
    if (name.kind != Kind::text || module.kind != Kind::text) refuse("a class or function whose name is no text");
    push(find_global(module.view(), name.view()));
  }

  void frame(std::uint64_t length) {
    if (length > bytes_.remaining())
      refuse(fmt::format("a frame of {} bytes, {} are left", length, bytes_.remaining()));
  }

  void step(Opcode opcode);
  void step_containers(Opcode opcode);

  const std::string& file_;
  Pickle pickle_;
  ByteReader bytes_;
  MemoryBudget budget_;
  Rebuilder rebuilder_;
  Stack stack_;
  Memo memo_;
  bool stopped_ = false;
};

// Plain values, the stack and the memo.
void Reader::step(Opcode opcode) {
  switch (opcode) {
    case Opcode::proto: {
      const auto protocol = bytes_.number<std::uint8_t>();
      if (protocol > highest_protocol)
        refuse(fmt::format("protocol {}, at most {} expected", protocol, highest_protocol));
      return;
    }
    case Opcode::stop:
      pickle_.root = stack_.pop();
      stopped_ = true;
      return;
    case Opcode::frame:
      return frame(bytes_.number<std::uint64_t>());
    case Opcode::mark:
      return stack_.push_mark();
    case Opcode::pop:
      return stack_.pop_value_or_mark();
    case Opcode::pop_mark:
      stack_.pop_to_mark();
      return;
    case Opcode::dup:
      return push(Value(stack_.top()));
    case Opcode::get:
      return get(line_number());
    case Opcode::binget:
      return get(bytes_.number<std::uint8_t>());
    case Opcode::long_binget:
      return get(bytes_.number<std::uint32_t>());
    case Opcode::put:
      return put(line_number());
    case Opcode::binput:
      return put(bytes_.number<std::uint8_t>());
    case Opcode::long_binput:
      return put(bytes_.number<std::uint32_t>());
    case Opcode::memoize:
      return put(memo_.size());
    case Opcode::none:
      return push(Value());
    case Opcode::newtrue:
      return push(simple(Kind::boolean, 1));
    case Opcode::newfalse:
      return push(simple(Kind::boolean, 0));
    case Opcode::int_line:
    case Opcode::long_line:
      return push_integer_line(bytes_.line());
    case Opcode::binint:
      return push(simple(Kind::integer, std::bit_cast<std::int32_t>(bytes_.number<std::uint32_t>())));
    case Opcode::binint1:
      return push(simple(Kind::integer, bytes_.number<std::uint8_t>()));
    case Opcode::binint2:
      return push(simple(Kind::integer, bytes_.number<std::uint16_t>()));
    case Opcode::long1:
      return push_long(bytes_.number<std::uint8_t>());
    case Opcode::long4:
      return push_long(bytes_.number<std::uint32_t>());
    case Opcode::float_line:
      return push_float_line(bytes_.line());
    case Opcode::binfloat:
      return push_float();
    case Opcode::string_line:
      return push_owned_text(decode_quoted(bytes_.line()));
    case Opcode::unicode_line:
      return push_owned_text(decode_unicode_escapes(bytes_.line()));
    case Opcode::short_binstring:
    case Opcode::short_binunicode:
      return push_text(Kind::text, bytes_.number<std::uint8_t>());
    case Opcode::binstring:
    case Opcode::binunicode:
      return push_text(Kind::text, bytes_.number<std::uint32_t>());
    case Opcode::binunicode8:
      return push_text(Kind::text, bytes_.number<std::uint64_t>());
    case Opcode::short_binbytes:
      return push_text(Kind::bytes, bytes_.number<std::uint8_t>());
    case Opcode::binbytes:
      return push_text(Kind::bytes, bytes_.number<std::uint32_t>());
    case Opcode::binbytes8:
    case Opcode::bytearray8:
      return push_text(Kind::bytes, bytes_.number<std::uint64_t>());
    default:
      return step_containers(opcode);
  }
}

// Containers and objects.
void Reader::step_containers(Opcode opcode) {
  switch (opcode) {
    case Opcode::empty_tuple:
      return push_tuple(0);
    case Opcode::tuple1:
      return push_tuple(1);
    case Opcode::tuple2:
      return push_tuple(2);
    case Opcode::tuple3:
      return push_tuple(3);
    case Opcode::tuple:
      return push(rebuilder_.container(Kind::tuple, stack_.pop_to_mark()));
    case Opcode::empty_list:
      return push(rebuilder_.container(Kind::list));
    case Opcode::list:
      return push(rebuilder_.container(Kind::list, stack_.pop_to_mark()));
    case Opcode::append: {
      const Value item = stack_.pop();
      return rebuilder_.append(stack_.top(), {&item, 1});
    }
    case Opcode::appends: {
      const auto items = stack_.pop_to_mark();
      return rebuilder_.append(stack_.top(), items);
    }
    case Opcode::empty_dict:
      return push(rebuilder_.container(Kind::dict));
    case Opcode::dict: {
      const auto items = stack_.pop_to_mark();
      const Value dict = rebuilder_.container(Kind::dict);
      rebuilder_.set_items(dict, items);
      return push(dict);
    }
    case Opcode::setitem: {
      const Value value = stack_.pop();
      const Value items[] = {stack_.pop(), value};
      return rebuilder_.set_items(stack_.top(), items);
    }
    case Opcode::setitems: {
      const auto items = stack_.pop_to_mark();
      return rebuilder_.set_items(stack_.top(), items);
    }
    case Opcode::empty_set:
      return push(simple(Kind::opaque));
    case Opcode::additems:
      stack_.pop_to_mark();
      if (stack_.top().kind != Kind::opaque) refuse("items are added to something that is no set");
      return;
    case Opcode::frozenset:
      stack_.pop_to_mark();
      return push(simple(Kind::opaque));
    case Opcode::global:
      return push(global_line());
    case Opcode::stack_global:
      return stack_global();
    case Opcode::reduce:
      return reduce();
    case Opcode::newobj:
      return construct(false);
    case Opcode::newobj_ex:
      return construct(true);
    case Opcode::build:
      stack_.pop();
      stack_.top();  // keeps what it had: its attributes are not wanted
      return;
    case Opcode::inst: {
      const Value type = global_line();
      return push_instance(type, stack_.pop_to_mark());
    }
    case Opcode::obj: {
      const auto values = stack_.pop_to_mark();
      if (values.empty()) refuse("an object without a class");
      return push_instance(values[0], std::span(values).subspan(1));
    }
    case Opcode::binpersid:
      return push(rebuilder_.load_persistent(stack_.pop()));
    case Opcode::persid:
      refuse("a persistent id that is no tuple");
    case Opcode::ext1:
    case Opcode::ext2:
    case Opcode::ext4:
    case Opcode::next_buffer:
    case Opcode::readonly_buffer:
    default:
      refuse(fmt::format("opcode 0x{:02x} at byte {} is not allowed", static_cast<unsigned>(opcode),
                         bytes_.position() - 1));
  }
}

}  // namespace

Pickle read_pickle(std::span<const std::byte> bytes, const std::string& file, std::size_t bytes_in_file) {
  return Reader(bytes.first(std::min(bytes.size(), largest_pickle)), file, bytes_in_file).read();
}

Pickle read_pickle(std::span<const std::byte> bytes, const std::string& file) {
  return read_pickle(bytes, file, std::min(bytes.size(), largest_pickle));
}

}  // namespace kandinsky::pickle
