#pragma once
#include <utility>  // before Boost 1.74, whose awaitable.hpp forgets it

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <memory>

namespace kandinsky::server {

namespace asio = boost::asio;

// Lets a coroutine on the I/O thread wait for another thread.
class Wake : public std::enable_shared_from_this<Wake> {
 public:
  explicit Wake(asio::io_context& io) : io_(io), timer_(io) {}

  // Any thread.
  void notify() {
    asio::post(io_, [self = shared_from_this()] {
      self->woken_ = true;
      self->timer_.cancel();
    });
  }
  // Until notify(), past or to come, or until the time is over. On the I/O thread.
  asio::awaitable<void> wait_for(std::chrono::steady_clock::duration time) {
    if (!woken_) {
      timer_.expires_after(time);
      boost::system::error_code ignored;
      co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    woken_ = false;
  }

 private:
  asio::io_context& io_;
  asio::steady_timer timer_;
  bool woken_ = false;
};

}  // namespace kandinsky::server
