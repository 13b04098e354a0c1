// bank has two threads that post to accounts, by way of virtual methods of templates.
#include <mutex>
#include <string>
#include <thread>
#include <vector>
#include <unistd.h>
#include <pthread.h>

namespace bank {

class Account {
public:
	explicit Account(std::string n) : name(std::move(n)) {}
	virtual ~Account() = default;
	virtual long post(long amount) = 0;

protected:
	std::string name;
	long balance = 100;
};

template <typename Fee> class Charged : public Account {
public:
	Charged(std::string n, Fee f) : Account(std::move(n)), fee(f) {}
	long post(long amount) override;

private:
	Fee fee;
};

template <typename Fee> __attribute__((noinline)) long Charged<Fee>::post(long amount)
{
	long taken = amount - fee(amount);
	balance += taken;
	return balance;
}

struct Tenth {
	long operator()(long amount) const { return amount / 10; }
};

std::vector<Account *> accounts;
std::mutex lock;

} // namespace bank

static void clerk(const char *name, int which)
{
	pthread_setname_np(pthread_self(), name);
	for (long i = 1;; i++) {
		{
			std::lock_guard<std::mutex> held(bank::lock);
			bank::accounts[which]->post(i * 10);
		}
		usleep(1000);
	}
}

int main()
{
	bank::accounts = {new bank::Charged<bank::Tenth>("savings", {}), new bank::Charged<bank::Tenth>("current", {})};
	std::thread a(clerk, "clerk-a", 0), b(clerk, "clerk-b", 1);
	a.join();
	b.join();
}
